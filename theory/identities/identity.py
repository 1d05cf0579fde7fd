"""An identity: its statement, when it holds, how it is measured, and the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from scipy import stats

from .case import Case

if TYPE_CHECKING:
    import sympy

HOLDS, BROKEN, SKIPPED = "holds", "broken", "not applicable"


@dataclass(frozen=True)
class Measurement:
    """Left minus right side of an identity, probe by probe, with the size of the two sides.

    `violation`, `scale` and `stderr` share a shape; `stderr` is 0 where nothing was averaged, else the standard error
    of an average over `degrees + 1` independent terms. `where` names the places: one per entry of the last axis.
    """

    violation: torch.Tensor
    scale: torch.Tensor
    stderr: torch.Tensor
    degrees: int = 1
    where: tuple[str, ...] = ()

    @classmethod
    def exact(cls, violation: torch.Tensor, scale: torch.Tensor, where: tuple[str, ...] = ()) -> Measurement:
        """No average: one entry per point on the last axis."""
        scale = torch.as_tensor(scale).to(violation).expand_as(violation)
        return cls(violation, scale, torch.zeros_like(violation), 1, where)

    @classmethod
    def average(cls, terms: torch.Tensor, scale: torch.Tensor, where: tuple[str, ...] = ()) -> Measurement:
        """Means of `terms` `(n, k)`, independent along n, that vanish under the identity; `scale` `(k,)`."""
        terms = terms.double()
        n = terms.shape[0]
        error = terms.std(0) / n**0.5 if n > 1 else torch.full_like(terms[0], torch.inf)
        return cls(terms.mean(0), torch.as_tensor(scale).to(terms).expand_as(terms[0]), error, n - 1, where)


@dataclass(frozen=True)
class Finding:
    """The outcome of one identity at one noise level.

    `residual`, `scale` and `stderr` belong to the worst place, and the identity is broken where `residual` exceeds
    `allowed`, which is tolerance * scale + z * stderr. `size` is the root mean square of the violation over all
    places divided by that of the scale, with its error: how far from holding.
    """

    identity: str
    sigma: float
    verdict: str
    residual: float = float("nan")
    scale: float = float("nan")
    stderr: float = 0.0
    allowed: float = float("nan")
    size: float = float("nan")
    size_stderr: float = 0.0
    where: str = ""
    cause: str = ""

    @property
    def broken(self) -> bool:
        return self.verdict == BROKEN

    def __str__(self) -> str:
        if self.verdict == SKIPPED:
            return f"{self.identity}: {self.verdict} ({self.where})"
        error = f" ± {self.stderr:.2g}" if self.stderr > 0 else ""
        text = (
            f"{self.identity}: {self.verdict} at sigma {self.sigma:.4g}, {self.where}: "
            f"residual {self.residual:.3g}{error}, allowed {self.allowed:.2g}, scale {self.scale:.3g}"
        )
        return f"{text}\n    usual cause: {self.cause}" if self.broken else text


@dataclass(frozen=True)
class Identity:
    """One entry of the catalogue.

    `statement` builds the SymPy equation (in one dimension, or in two where one would be empty); `needs` names the
    knowledge beside the callable: "prior", "log_density", "symmetry", "every_sigma". `measure` returns None where the
    identity says nothing about a case, for example about a Jacobian in one dimension.
    """

    name: str
    summary: str
    statement: Callable[[], sympy.Basic]
    conditions: str
    reference: str
    cause: str
    measure: Callable[[Case], Measurement | None]
    needs: frozenset[str] = frozenset()

    def latex(self) -> str:
        """The statement in LaTeX."""
        import sympy

        return sympy.latex(self.statement())

    def missing(self, case: Case) -> frozenset[str]:
        """The knowledge that this identity needs and `case` lacks."""
        return self.needs - case.knowledge

    def check(self, case: Case) -> Finding:
        """Measure the identity on `case` and judge it."""
        missing = self.missing(case)
        if missing:
            return Finding(self.name, case.sigma, SKIPPED, where=f"needs {', '.join(sorted(missing))}")
        measurement = self.measure(case)
        if measurement is None:
            return Finding(self.name, case.sigma, SKIPPED, where=self.conditions)
        return judge(self, case, measurement)


def judge(identity: Identity, case: Case, measured: Measurement) -> Finding:
    """The verdict: |violation| <= tolerance * scale + z * stderr at every place.

    z is the quantile of Student's t at the chance of a false alarm, shared out equally among the places.
    """
    parts = measured.violation, measured.scale, measured.stderr
    violation, scale, stderr = (part.detach().double().cpu() for part in parts)
    places = max(violation.numel(), 1)
    averaged = bool((stderr > 0).any())
    z = float(stats.t.isf(case.false_positive / (2 * places), measured.degrees)) if averaged else 0.0
    allowed = case.tolerance * scale + z * stderr
    excess = violation.abs() / allowed.clamp(min=torch.finfo(torch.float64).tiny)
    excess = torch.where(violation.isfinite() & allowed.isfinite(), excess, torch.full_like(excess, torch.inf))
    worst = int(excess.flatten().argmax())
    places_of_last = violation.shape[-1] if violation.ndim else 1
    labels = measured.where or tuple(f"point {i}" for i in range(places_of_last))
    size, size_stderr = _relative_size(violation, scale, stderr)
    return Finding(
        identity=identity.name,
        sigma=case.sigma,
        verdict=BROKEN if float(excess.flatten()[worst]) > 1 else HOLDS,
        residual=abs(float(violation.flatten()[worst])),
        scale=float(scale.flatten()[worst]),
        stderr=float(stderr.flatten()[worst]),
        allowed=float(allowed.flatten()[worst]),
        size=size,
        size_stderr=size_stderr,
        where=labels[worst % places_of_last],
        cause=identity.cause,
    )


def _relative_size(violation: torch.Tensor, scale: torch.Tensor, stderr: torch.Tensor) -> tuple[float, float]:
    """rms violation over rms scale, with the standard error from the spread of the places or of the averages."""
    reference = float(scale.square().mean().sqrt())
    if reference == 0:
        return float(violation.abs().max()), 0.0
    squares = violation.square().flatten()
    size = float(squares.mean().sqrt())
    if bool((stderr > 0).any()):
        return size / reference, float(stderr.square().mean().sqrt()) / reference
    if size == 0 or squares.numel() < 2:
        return size / reference, 0.0
    error = float(squares.std()) / squares.numel() ** 0.5 / (2 * size)
    return size / reference, error / reference
