"""The share of copies as a function of training steps per image, fitted to networks that were measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.optimize import curve_fit

from ..._support import checks as check
from ..._support.display.boxes import Boxed
from ..._support.typed import typed
from ..._support.types import Array
from ...errors import ArgumentError, EmptyDataError

DRAWS, SEED = 2000, 0


def _share(log_ratio: Array, log_middle: Array | float, steepness: Array | float) -> Array:
    return 1 / (1 + np.exp(-np.clip(steepness * (log_ratio - log_middle), -700, 700)))


@typed
@dataclass(frozen=True)
class CopyLaw(Boxed):
    r"""share = 1 / (1 + (c n / steps)^k): if memorisation takes c steps per image, n and steps enter by their ratio.

    That the time is proportional to n is the prediction of [@Bonnaire2025]; c and k are measured.

    Parameters
    ----------
    middle : float
        c > 0, steps per image at which half of the samples are copies.
    steepness : float
        k > 0.
    covariance : tuple of tuple of float
        Of (log c, k).
    source : str
        On what it was measured.

    Raises
    ------
    ArgumentError
        If `middle` or `steepness` is not > 0.

    Examples
    --------
    >>> law = CopyLaw(50.0, 2.0)
    >>> law.share(100, 5000)
    (0.5, 0.0)
    >>> round(law.images(5000, 0.2)[0])
    200
    """

    middle: float
    steepness: float
    covariance: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    source: str = "as given"

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", check.plain(self.covariance))
        for name in ("middle", "steepness"):
            if not check.real(name, getattr(self, name)) > 0:
                raise ArgumentError(name, f"is {getattr(self, name)!r}", "pass a number > 0")

    @classmethod
    def fit(cls, result: xr.Dataset, width: int | None = None) -> CopyLaw:
        """From the shares of copies of a map, at every size and step of one width.

        Errors are of the jackknife that leaves one size out: steps of one size are measured on the same networks, and
        what sizes have not in common is how far the law fails.

        Parameters
        ----------
        result : xarray.Dataset
            As of `regime_map`: `memorised` over `(n_train, width, step)` with `memorised_stderr`.
        width : int, optional
            Of the networks (default: the widest).

        Returns
        -------
        CopyLaw
            The fitted law.

        Raises
        ------
        ArgumentError
            If the map has no such width.
        EmptyDataError
            If fewer than three sizes show copies.
        """
        widths = [int(one) for one in result.width.values]
        if width is not None and width not in widths:
            raise ArgumentError("width", f"is {width}", f"pass one of those measured: {', '.join(map(str, widths))}")
        chosen = widths[-1] if width is None else width
        part = result[["memorised", "memorised_stderr"]].sel(width=chosen).transpose("n_train", "step")
        shares, errors = part.memorised.values.astype(float), part.memorised_stderr.values.astype(float)
        ratio = np.log(part.step.values[None] / part.n_train.values[:, None])
        if (shares.max(1) > 0.1).sum() < 3:
            raise EmptyDataError("result", f"shows copies at fewer than three sizes of width {chosen}", "train longer")

        def fitted(kept: Array) -> Array:
            x, y, e = ratio[kept].ravel(), shares[kept].ravel(), errors[kept].ravel()
            start = (float(x[np.abs(y - 0.5).argmin()]), 1.5)
            return curve_fit(_share, x, y, p0=start, sigma=np.hypot(e, 0.02), maxfev=20000)[0]

        every = np.arange(len(shares))
        best = fitted(every)
        left_out = np.array([fitted(np.delete(every, i)) for i in every])
        apart = left_out - left_out.mean(0)
        spread = (len(every) - 1) / len(every) * apart.T @ apart
        source = f"{result.attrs.get('data', 'networks')}, width {chosen}"
        (a, b), (c, d) = spread.tolist()
        return cls(math.exp(best[0]), float(best[1]), ((a, b), (c, d)), source)

    def _draws(self) -> Array:
        """Redrawn (log c, k), the fitted ones first."""
        rng = np.random.Generator(np.random.Philox(key=SEED))
        centre = np.array([math.log(self.middle), self.steepness])
        values, vectors = np.linalg.eigh(np.array(self.covariance))
        moved = rng.standard_normal((DRAWS, 2)) * np.sqrt(values.clip(0)) @ vectors.T
        drawn = np.concatenate([centre[None], centre + moved])
        drawn[:, 1] = drawn[:, 1].clip(0.05)
        return drawn

    @property
    def middle_stderr(self) -> float:
        """Standard error of `middle`."""
        return self.middle * math.sqrt(self.covariance[0][0])

    def share(self, n: float, steps: float) -> tuple[float, float]:
        """The share of samples that are copies, and its standard error.

        Parameters
        ----------
        n : float
            Number of images, > 0.
        steps : float
            Training steps, > 0.

        Returns
        -------
        value, stderr : float
            From 0 to 1.
        """
        drawn = self._draws()
        x = math.log(_positive("steps", steps) / _positive("n", n))
        values = _share(np.array(x), drawn[:, 0], drawn[:, 1])
        return float(values[0]), float(values[1:].std())

    def images(self, steps: float, share: float) -> tuple[float, float]:
        """How many images it takes that only this share of the samples are copies after so many steps.

        Parameters
        ----------
        steps : float
            Training steps, > 0.
        share : float
            The share, inside (0, 1).

        Returns
        -------
        value, stderr : float
            The number of images.
        """
        ratio, error = self.steps_per_image(share)
        return _positive("steps", steps) / ratio, steps / ratio * error / ratio

    def steps_per_image(self, share: float) -> tuple[float, float]:
        """After how many steps per image this share of the samples are copies.

        Parameters
        ----------
        share : float
            The share, inside (0, 1).

        Returns
        -------
        value, stderr : float
            Steps per image; the error is that of its logarithm times the value.

        Raises
        ------
        ArgumentError
            If the share is not inside (0, 1).
        """
        share = check.real("share", share, 1e-12, 1 - 1e-12)
        drawn = self._draws()
        logs = drawn[:, 0] + math.log(share / (1 - share)) / drawn[:, 1]
        return math.exp(logs[0]), math.exp(logs[0]) * float(logs[1:].std())


def _positive(argument: str, value: float) -> float:
    if not check.real(argument, value) > 0:
        raise ArgumentError(argument, f"is {value!r}", "pass a number > 0")
    return float(value)
