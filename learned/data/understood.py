"""What was understood of a source, beside the data; `print(data)` shows all of it in one table."""

from __future__ import annotations

from dataclasses import dataclass

from ..._support.typed import typed
from .ranges import Range


@typed
@dataclass(frozen=True)
class Understood:
    """What was found in a source and done to it, beside the data themselves.

    Parameters
    ----------
    raw : Range, optional
        Of the values as they were stored; not known for images that were made in memory.
    dtype : str
        Their type.
    scaling : str
        What was done to them, in words.
    notes : tuple of str
        What else was decided: columns, modes, pages, splits.
    skipped : tuple of str
        What was left out, with counts.
    warnings : tuple of str
        What is odd.

    Examples
    --------
    >>> from idealscore.learned.data import load
    >>> load("digits").understood.scaling
    '[0, 16] becomes [-1, 1]: x = 0.125 * value -1'
    """

    raw: Range | None = None
    dtype: str = "float32"
    scaling: str = "none: values are kept as they are"
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
