"""Every public name says in numpydoc sections what it takes, returns and refuses, and shows an example."""

import pytest
from docstring_sections import faults, of_room, rooms


@pytest.mark.parametrize("room", rooms())
def test_every_public_docstring_has_its_sections(room):
    assert of_room(room) == []


def test_what_is_missing_is_found():
    def bare(x: int, y: int) -> int:
        """Add.

        Parameters
        ----------
        x : int
            One number.
        z : int
            No parameter at all.
        """
        if x < 0:
            raise ValueError
        return x + y

    assert list(faults("bare", bare)) == [
        "bare: Parameters lacks y",
        "bare: Parameters lists z, which the signature has not",
        "bare: no Returns",
        "bare: no Raises",
        "bare: no Examples",
    ]
