"""Test kit for denoisers, and a pytest plugin: inherit `DenoiserTests`, or use the fixture `assert_denoiser`.

    from idealscore.testing import DenoiserTests

    class TestMyDenoiser(DenoiserTests):
        event_shape = (1, 8, 8)
        sigmas = (0.1, 1.0, 10.0)

        def denoiser(self):
            return my_denoiser

        def prior(self, n, seed):
            return my_samples(n, seed)

makes one test per identity and noise level. The plugin is registered by the package's entry point; it loads torch
only when a test uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import torch

    from .theory.denoiser import Denoiser
    from .theory.identities import Report, Symmetry


class DenoiserTests:
    """One test per identity and noise level, for a subclass that gives `denoiser()` and whatever else it knows.

    Class attributes: `event_shape`, `sigmas`, `identities` (names; all by default), `symmetries`, `every_sigma`, and
    `options`, further arguments of `idealscore.theory.identities.assert_identities` (dtype, device, tolerance, ...).
    Methods: `denoiser()`; optionally `prior(n, seed) -> (n, *event)` and `log_density(x, sigma) -> (batch,)`. An
    identity that needs what is not given is skipped, with the reason.
    """

    event_shape: tuple[int, ...] = ()
    sigmas: tuple[float, ...] = (0.1, 1.0, 10.0)
    identities: tuple[str, ...] | None = None
    symmetries: tuple[Symmetry, ...] = ()
    every_sigma: bool = True
    options: dict[str, Any] = {}  # noqa: RUF012 - read only

    if TYPE_CHECKING:

        def prior(self, n: int, seed: int, /) -> torch.Tensor: ...

        def log_density(self, x: torch.Tensor, sigma: float, /) -> torch.Tensor: ...

    else:
        prior = log_density = None

    def denoiser(self) -> Denoiser:
        """The denoiser under test.

        Returns
        -------
        callable
            `denoiser(x, sigma) -> E[x0 | x]`.

        Raises
        ------
        NotImplementedError
            Unless the subclass gives one.
        """
        raise NotImplementedError("give denoiser() in your subclass of DenoiserTests")

    def knowledge(self) -> dict[str, Any]:
        """What this class knows next to the denoiser.

        Returns
        -------
        dict of str to object
            Arguments of `assert_identities`.
        """
        return {
            "prior": self.prior,
            "log_density": self.log_density,
            "symmetries": self.symmetries,
            "every_sigma": self.every_sigma,
            **self.options,
        }

    def test_contract(self) -> None:
        """The callable is a denoiser at all."""
        from .theory.identities import assert_identities

        assert_identities(self.denoiser(), self.event_shape, self.sigmas, identities=(), **self.knowledge())

    def test_identity(self, idealscore_identity: str, idealscore_sigma: float) -> None:
        """One identity at one noise level."""
        from .theory.identities import assert_identities

        report = assert_identities(
            self.denoiser(),
            self.event_shape,
            [idealscore_sigma],
            identities=[idealscore_identity],
            **self.knowledge(),
        )
        finding = next(iter(report))
        if finding.verdict == "not applicable":
            pytest.skip(finding.where)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Spread the tests of a `DenoiserTests` subclass over its identities and noise levels."""
    if metafunc.cls is None or not issubclass(metafunc.cls, DenoiserTests):
        return
    if "idealscore_identity" in metafunc.fixturenames:
        from .theory.identities import IDENTITIES

        metafunc.parametrize("idealscore_identity", metafunc.cls.identities or tuple(IDENTITIES))
        metafunc.parametrize("idealscore_sigma", metafunc.cls.sigmas, ids=lambda sigma: f"sigma={sigma:g}")


@pytest.fixture
def assert_denoiser() -> Callable[..., Report]:
    """`assert_denoiser(denoiser, event_shape, sigmas, prior=..., ...)`: `assert_identities` of this package."""
    from .theory.identities import assert_identities

    return assert_identities
