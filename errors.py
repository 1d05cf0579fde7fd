"""Typed errors: each names the argument, says what was wrong with it and what to do.

Every error is an `IdealScoreError`. Those about an argument are also `ValueError`s, so that code which
knows nothing of this package still catches them. The command line prints the message and exits with 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Self
from unicodedata import category


def printable(text: str, keep: str = "") -> str:
    """`text` with characters that command a terminal, or do not exist alone, spelled out, but for those in `keep`.

    >>> print(printable("data\\x1b[2J.npy"))
    data\\u001b[2J.npy
    """
    return "".join(one if one in keep or category(one) not in _UNSEEN else _spelled(one) for one in text)


_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, invisible marks such as those of direction, halves, line ends


def _spelled(character: str) -> str:
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character) or f"\\u{ord(character):04x}"


class IdealScoreError(Exception):
    """Base of all errors that this package raises on purpose."""


class ArgumentError(IdealScoreError, ValueError):
    """An argument is unusable.

    >>> print(ArgumentError("sigma", "is negative (-1.0)", "pass a noise level >= 0"))
    sigma: is negative (-1.0); pass a noise level >= 0
    """

    def __init__(self, argument: str, problem: str, remedy: str) -> None:
        super().__init__(printable(f"{argument}: {problem}; {remedy}", keep="\n"))
        self.argument: str = argument
        self.problem: str = problem
        self.remedy: str = remedy

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        return type(self), (self.argument, self.problem, self.remedy)


class ShapeError(ArgumentError):
    """An array has the wrong shape."""


class NotFiniteError(ArgumentError):
    """An array holds NaN or infinite values."""


class EmptyDataError(ArgumentError):
    """There is nothing to work on."""


class NoiseLevelError(ArgumentError):
    """A noise level, or a value of another clock, is outside its range."""


class CovarianceError(ArgumentError):
    """A covariance is not symmetric positive semi-definite."""


class WeightsError(ArgumentError):
    """Weights are negative or do not sum to one."""


class GrammarError(ArgumentError):
    """The production rules of a grammar are impossible or inconsistent."""


class LatticeError(ArgumentError):
    """A lattice or graph cannot be percolated as asked."""


class DeviceMemoryError(ArgumentError):
    """The work would not fit into memory; the message carries the estimate."""


class DataFileError(ArgumentError):
    """A data file is missing, unreadable, empty or of an unknown kind."""


class DataWarning(UserWarning):
    """Data were read, but something about their values is odd."""


class CheckpointError(ArgumentError):
    """A checkpoint is missing, truncated, foreign or unsafe."""


class OutputError(ArgumentError):
    """An output cannot be written: a full disk, a read-only folder, or a folder that holds something else."""


class DenoiserContractError(ArgumentError):
    """A callable does not honour `denoiser(x, sigma) -> E[x0 | x]`."""


class InconsistentEvidenceError(ArgumentError):
    """The evidence has probability zero under the model."""


class ClusterError(IdealScoreError, RuntimeError):
    """The machines that do the work cannot be reached, or were lost; what they finished is kept."""


class TrainingError(IdealScoreError, RuntimeError):
    """Training cannot go on (a loss that is not finite, memory that ran out)."""


class EstimateError(IdealScoreError, RuntimeError):
    """An estimate exists but cannot be trusted; it rides along as `.estimate`."""

    def __init__(self, message: str, estimate: object = None) -> None:
        super().__init__(message)
        self.estimate = estimate


class IdentityViolation(IdealScoreError, AssertionError):
    """A denoiser breaks an identity; the findings ride along as `.report`."""

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message)
        self.report = report


class MissingDependencyError(IdealScoreError, ImportError):
    """An optional package is needed.

    >>> print(MissingDependencyError("tueplots", "figures"))
    this needs the package 'tueplots'; install it with: pip install 'idealscore[figures]'
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs the package '{package}'; install it with: pip install 'idealscore[{extra}]'")


class UnknownNameError(ArgumentError):
    """A name is not one of those known; the message suggests the nearest.

    >>> print(UnknownNameError("dataset", "digit", ["digits", "bumps"]))
    dataset: unknown name 'digit'; did you mean 'digits'? (known: bumps, digits)
    """

    def __init__(self, argument: str, name: object, known: Iterable[str]) -> None:
        self.name: object = name
        self.known: list[str] = sorted(known)
        near = get_close_matches(str(name), self.known, n=1)
        listing = ", ".join(self.known)
        remedy = f"did you mean '{near[0]}'? (known: {listing})" if near else f"known: {listing}"
        super().__init__(argument, f"unknown name '{name}'", remedy)

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        return type(self), (self.argument, self.name, self.known)
