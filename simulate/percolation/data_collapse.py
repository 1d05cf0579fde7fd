"""The least-squares problem behind a data collapse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import EstimateError, UnknownNameError
from ._canonical_kernels import wrapping
from .sweep_result import CURVES, WRAPPING, Sweep, batch_mean


@dataclass(frozen=True, eq=False, repr=False)
class Curves:
    """One size: values of a quantity at `p` in each batch of runs, `(point, batch)`."""

    size: float
    p: np.ndarray
    batches: np.ndarray
    runs: np.ndarray
    stderr: np.ndarray

    @classmethod
    def of(cls, sweep: Sweep, quantity: str, guess: Sequence[float], window: float, points: int) -> Curves:
        """The curves of `sweep` within `window` of the guessed threshold."""
        size = float(sweep.size[0])
        reach = window / size ** guess[1]
        p = np.linspace(guess[0] - reach, guess[0] + reach, points)
        if sweep.density is None:
            p = p.clip(0.0, 1.0)
        if quantity in WRAPPING and sweep.wraps.shape[1]:
            means, binomial = sweep.means_at(p)
            parts = np.split(sweep.wraps, np.cumsum(sweep.runs)[:-1])
            column = WRAPPING.index(quantity)
            batches = np.stack([wrapping(part, sweep.n_total, means, binomial)[:, column, 0] for part in parts], axis=1)
        elif quantity in sweep.curve_names:
            batches = sweep.per_batch(p)[quantity]
        else:
            raise UnknownNameError("quantity", quantity, [*CURVES, *WRAPPING])
        return cls(size, p, batches, sweep.runs, batch_mean(batches, sweep.runs)[1])

    def __repr__(self) -> str:
        return f"Curves(L={self.size:g}, {len(self.p)} points from {self.p[0]:.4g} to {self.p[-1]:.4g})"

    @property
    def n_batches(self) -> int:
        """Number of batches of runs."""
        return len(self.runs)

    @property
    def mean(self) -> np.ndarray:
        """Mean over all runs, `(point,)`."""
        return self.batches @ (self.runs / self.runs.sum())

    def without(self, batch: int) -> Curves:
        """The same runs but for one batch; the weights of the fit stay."""
        return replace(self, batches=np.delete(self.batches, batch, 1), runs=np.delete(self.runs, batch))


@dataclass(frozen=True, eq=False, repr=False)
class Collapse:
    """A fit: (p_c, 1/nu, kappa), the polynomial, and the sum of squared misfits per degree of freedom."""

    parameters: np.ndarray
    polynomial: np.polynomial.Polynomial
    misfit: float

    def __repr__(self) -> str:
        threshold, inverse, kappa = self.parameters
        return f"Collapse(p_c={threshold:.5g}, 1/nu={inverse:.3g}, kappa={kappa:.3g}, misfit={self.misfit:.3g})"

    def collapsed(self, curves: Sequence[Curves]) -> tuple[np.ndarray, np.ndarray]:
        """x = (p - p_c) L^{1/nu} and y L^{-kappa} of every curve."""
        threshold, inverse, kappa = self.parameters
        x = np.array([(curve.p - threshold) * curve.size**inverse for curve in curves])
        return x, np.array([curve.mean * curve.size**-kappa for curve in curves])

    def master(self, x: np.ndarray) -> np.ndarray:
        """The polynomial that all sizes share."""
        return self.polynomial(x)


def fit_collapse(
    curves: Sequence[Curves], guess: Sequence[float], degree: int, free: Sequence[bool] = (True, True, True)
) -> Collapse:
    """Least squares over the free ones of (p_c, 1/nu, kappa); the master polynomial is solved for at every step."""
    from scipy.optimize import least_squares

    sizes = np.concatenate([np.full(len(curve.p), curve.size) for curve in curves])
    p = np.concatenate([curve.p for curve in curves])
    mean = np.concatenate([curve.mean for curve in curves])
    # A wrapping probability of exactly 0 or 1 has no scatter; the floor keeps its weight finite.
    stderr = np.concatenate([np.maximum(curve.stderr, 1e-3 * curve.stderr.max()) for curve in curves])
    mask, parameters = np.array(free), np.array(guess, dtype=float)

    def scaled(fitted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        threshold, inverse, kappa = _with(parameters, mask, fitted)
        factor = sizes**-kappa
        return (p - threshold) * sizes**inverse, mean * factor, stderr * factor

    def residuals(fitted: np.ndarray) -> np.ndarray:
        x, y, error = scaled(fitted)
        basis = np.polynomial.chebyshev.chebvander(x / np.abs(x).max(), degree) / error[:, None]
        coefficients = np.linalg.lstsq(basis, y / error, rcond=None)[0]
        return basis @ coefficients - y / error

    units = np.array([1e-3, 0.1, 0.1])[mask]
    found = least_squares(residuals, parameters[mask], x_scale=units, xtol=1e-12, ftol=1e-12)
    if not found.success:
        raise EstimateError("the data collapse did not converge", found.x)
    x, y, error = scaled(found.x)
    polynomial = np.polynomial.Polynomial.fit(x, y, degree, w=1 / error)
    misfit = float(2 * found.cost / (len(y) - degree - 1 - mask.sum()))
    return Collapse(_with(parameters, mask, found.x), polynomial, misfit)


def _with(parameters: np.ndarray, mask: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """`parameters` with the fitted values where `mask` is true."""
    full = parameters.copy()
    full[mask] = fitted
    return full
