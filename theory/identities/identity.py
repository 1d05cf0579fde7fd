"""An identity: its statement, when it holds, how it is measured, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import torch
from scipy import stats

from .case import Case
from .finding import BROKEN, HOLDS, SKIPPED, Finding

if TYPE_CHECKING:
    import sympy


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


class Measure(Protocol):
    """A function that measures an identity."""

    __name__: str

    def __call__(self, case: Case, /) -> Measurement | None:
        """Left minus right side; None where the identity says nothing about the case."""
        ...


@dataclass(frozen=True)
class Identity:
    r"""One entry of the catalogue; `identity` makes it of the function that measures it.

    Parameters
    ----------
    name : str
        Its name in `IDENTITIES`.
    summary : str
        The statement in words.
    statement : callable
        Builds the SymPy equation, in one dimension, or in two where one would be empty.
    conditions : str
        When it holds.
    reference : str
        The key of the paper in references.bib.
    cause : str
        What usually breaks it.
    measure : callable
        Left minus right side on a `Case`; None where the identity says nothing about it, for example about a Jacobian
        in one dimension.
    needs : frozenset of str
        The knowledge next to the callable: of "prior", "log_density", "symmetry", "every_sigma".

    Examples
    --------
    >>> from idealscore.theory.identities import IDENTITIES
    >>> IDENTITIES["positivity"].latex()
    '\\frac{\\partial}{\\partial x} D{\\left(x,\\sigma \\right)} \\geq 0'
    """

    name: str
    summary: str
    statement: Callable[[], sympy.Basic]
    conditions: str
    reference: str
    cause: str
    measure: Measure
    needs: frozenset[str] = frozenset()

    def latex(self) -> str:
        """The statement in LaTeX.

        Returns
        -------
        str
            Without dollar signs.
        """
        import sympy

        return sympy.latex(self.statement())

    def missing(self, case: Case) -> frozenset[str]:
        """The knowledge that this identity needs and a case lacks.

        Parameters
        ----------
        case : Case
            A denoiser at one noise level, with what is known of its prior.

        Returns
        -------
        frozenset of str
            Of "prior", "log_density", "symmetry", "every_sigma".
        """
        return self.needs - case.knowledge

    def check(self, case: Case) -> Finding:
        """Measure the identity and judge it.

        Parameters
        ----------
        case : Case
            A denoiser at one noise level, with what is known of its prior.

        Returns
        -------
        Finding
            The verdict with its numbers.
        """
        missing = self.missing(case)
        if missing:
            return Finding(self.name, case.sigma, SKIPPED, where=f"needs {', '.join(sorted(missing))}")
        measurement = self.measure(case)
        if measurement is None:
            return Finding(self.name, case.sigma, SKIPPED, where=self.conditions)
        return judge(self, case, measurement)


def identity(
    summary: str,
    *,
    statement: Callable[[ModuleType], sympy.Basic],
    conditions: str,
    reference: str,
    cause: str,
    needs: Iterable[str] = (),
) -> Callable[[Measure], Identity]:
    """Make the decorated function, which measures it, the identity of its name.

    `statement` is given the letters of `symbols` and writes the equation in them, when it is asked for.
    """

    def stated() -> sympy.Basic:
        from . import symbols

        return statement(symbols)

    def made(measure: Measure) -> Identity:
        name = measure.__name__
        return Identity(name, summary, stated, conditions, reference, cause, measure, frozenset(needs))

    return made


class Named(Protocol):
    """What a verdict tells of an identity."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def cause(self) -> str:
        """What usually breaks it."""
        ...


class Settings(Protocol):
    """What a verdict needs of a case."""

    @property
    def sigma(self) -> float:
        """The noise level, nan where there is none."""
        ...

    @property
    def tolerance(self) -> float:
        """Relative."""
        ...

    @property
    def false_positive(self) -> float:
        """The chance of a false alarm."""
        ...


def judge(identity: Named, case: Settings, measured: Measurement) -> Finding:
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
