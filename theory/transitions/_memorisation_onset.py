r"""Memorisation in training time: the more data, the later it begins.

Training first learns what all samples of the population share, in a time tau_gen that does not depend on the number n
of training data, and only much later the finer structure of the particular n: [@Bonnaire2025] find that memorisation
begins at

    tau_mem = c n,

with a prefactor c that depends on architecture, optimiser and learning rate, and not on n: between tau_gen and tau_mem
there is a window, growing with n, in which a network generalises although it could memorise. c is not a universal
number; it is given, or fitted to onsets measured at several n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..._support import checks as check
from ..._support.display.boxes import Boxed
from ...errors import ArgumentError, EmptyDataError, ShapeError
from ..transition import Law, Transition

LAW = Law("memorisation onset", equation=r"\tau_{mem} = c\, n", reference="Bonnaire2025", unit="steps")


@dataclass(frozen=True)
class OnsetLaw(Boxed):
    """tau = prefactor n^1, with the free exponent of the same fit as a check on the law.

    Parameters
    ----------
    prefactor : float
        c > 0, in training steps per datum.
    prefactor_stderr : float
        Its standard error.
    exponent : float, optional
        The exponent of n, had it been left free in the fit.
    exponent_stderr : float, optional
        The standard error of the exponent.

    Raises
    ------
    ArgumentError
        Where `prefactor` is not > 0 or its error is negative.

    Examples
    --------
    >>> OnsetLaw(300.0, 20.0).note
    'prefactor as given'
    """

    prefactor: float
    prefactor_stderr: float = 0.0
    exponent: float | None = None
    exponent_stderr: float | None = None

    def __post_init__(self) -> None:
        check.real("prefactor_stderr", self.prefactor_stderr, 0.0)
        if not check.real("prefactor", self.prefactor) > 0:
            raise ArgumentError("prefactor", f"is {self.prefactor!r}", "pass training steps per datum > 0")
        if self.exponent is not None:
            check.real("exponent", self.exponent)
        if self.exponent_stderr is not None:
            check.real("exponent_stderr", self.exponent_stderr, 0.0)

    @classmethod
    def fit(cls, n_train: npt.ArrayLike, onset: npt.ArrayLike) -> OnsetLaw:
        r"""From onsets measured at several numbers of data, in the logarithm of both.

        log c is the mean of log(tau / n), its error that of the scatter; `exponent` is the slope of log tau on log n
        (with an error for three onsets or more).

        Parameters
        ----------
        n_train : array_like
            Numbers of training data `(k,)`, at least two different ones.
        onset : array_like
            The training steps `(k,)` at which memorisation began.

        Returns
        -------
        OnsetLaw
            The law with its errors and the free exponent.

        Raises
        ------
        ArgumentError
            On values <= 0.
        ShapeError
            Where there is not one onset per number of data.
        EmptyDataError
            For fewer than two different n.

        Examples
        --------
        >>> law = OnsetLaw.fit([100, 200, 400], [3.1e4, 5.9e4, 12.2e4])
        >>> round(law.prefactor), round(law.exponent, 2)
        (303, 0.99)
        """
        n, tau = check.float_array("n_train", n_train), check.float_array("onset", onset)
        if n.ndim != 1 or n.shape != tau.shape:
            raise ShapeError("onset", f"has shape {tau.shape}", f"pass one per n_train {n.shape}")
        if not bool(((n > 0) & (tau > 0) & np.isfinite(n) & np.isfinite(tau)).all()):
            raise ArgumentError("onset", "or n_train holds values that are not > 0", "leave unobserved onsets out")
        if np.unique(n).size < 2:
            raise EmptyDataError("n_train", "has fewer than two different values", "measure at two n or more")
        log_n, log_ratio = np.log(n), np.log(tau / n)
        centred = log_n - log_n.mean()
        excess = float(centred @ log_ratio / (centred @ centred))
        residual = log_ratio - log_ratio.mean() - excess * centred
        exponent_stderr = None
        if n.size > 2:
            exponent_stderr = math.sqrt(float(residual @ residual) / (n.size - 2) / float(centred @ centred))
        prefactor = math.exp(log_ratio.mean())
        stderr = prefactor * float(log_ratio.std(ddof=1)) / math.sqrt(n.size)
        return cls(prefactor, stderr, 1 + excess, exponent_stderr)

    @property
    def note(self) -> str:
        """How well the measured onsets bear the law out."""
        if self.exponent is None:
            return "prefactor as given"
        error = "" if self.exponent_stderr is None else f" ± {self.exponent_stderr:.2g}"
        return f"fitted; with a free exponent, tau ~ n^({self.exponent:.3g}{error})"


def memorisation_onset(n_train: int, law: OnsetLaw | float) -> Transition:
    r"""The training step from which a network on `n_train` data begins to memorise ([@Bonnaire2025]).

    The law is \( \tau_{mem} = c n \).

    Parameters
    ----------
    n_train : int
        Number of training data, >= 1.
    law : OnsetLaw or float
        c, in steps per datum, or a law fitted to measured onsets.

    Returns
    -------
    Transition
        In steps. Its clock is training time, so that `noise` is None.

    Raises
    ------
    ArgumentError
        Where `n_train` is below 1 or c is not > 0.

    Examples
    --------
    >>> print(memorisation_onset(1000, law=300.0))
    memorisation onset: 3e+05 steps (exact)
    """
    n_train = check.integer("n_train", n_train, 1)
    if not isinstance(law, OnsetLaw):
        with check.speaking_of("law"):
            law = OnsetLaw(law)
    return LAW.at(law.prefactor * n_train, law.prefactor_stderr * n_train, law.note)
