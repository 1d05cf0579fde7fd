r"""Gradient flow of a random-feature score model, solved exactly in the eigenbasis of its features.

The model s(x_t) = A phi(W x_t / sqrt d) / sqrt p learns on n noised data x_t = c x + sqrt(Delta) z, with many draws of
the noise for each. Its loss L = E |sqrt(Delta) s + z|^2 / d is quadratic in A, so that from A = 0

    A(tau) = -sqrt(p / Delta) V' U^-1 (1 - exp(-Delta U tau / psi_p)),    U = E phi phi',  V = E phi z',

at every time without a step. The expectations are means over draws, those of training and of the population apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.crossing import crossing
from ..._support.estimates import estimates, mean_error
from ..._support.results import provenance
from ..._support.streams import stream
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, ShapeError
from ...theory.finite_sample._kappa import check_spectrum
from ...theory.noise import NoiseLevel
from ...theory.random_features._feature_constants import ACTIVATIONS

BATCH = 2000
Activation = Callable[[Array], Array]


class _Moments(NamedTuple):
    """Means over draws: phi phi' (p, p), phi z' (p, d) and |z|^2 / d."""

    U: Array
    V: Array
    power: float


@typed
def gradient_flow(
    n: int,
    features: int,
    times: ArrayLike,
    *,
    spectrum: ArrayLike,
    noise: NoiseLevel | float,
    activation: str = "tanh",
    draws: int = 20000,
    repeats: int = 2,
    seed: int = 0,
) -> xr.Dataset:
    """Training and test loss of random features over the time of gradient flow, next to a null without memory.

    The setting of [@Bonnaire2025]: Gaussian data, features phi(W x / sqrt d) with W of normal numbers. The null learns
    from data of which each is noised once, drawn anew, instead of from n: it has nothing to memorise.

    Parameters
    ----------
    n : int
        Number of training data, at least 2.
    features : int
        p, number of random features, at least 1.
    times : array (k,)
        Times >= 0, increasing.
    spectrum : array (d,)
        Variances of the data in d dimensions.
    noise : NoiseLevel or float
        The noise level, or its sigma; above 0 and finite.
    activation : {"tanh", "erf", "sin", "silu"}
        The activation.
    draws : int
        Noised images in each mean, at least n; with fewer than p the means are singular.
    repeats : int
        Models, each with its own data and features; errors come from their scatter.
    seed : int
        Of all draws.

    Returns
    -------
    xarray.Dataset
        Over `tau`: `train`, `test`, `gap` (test less train) and `null_gap`, each with `_stderr`. Over `repeat`:
        `half_gap_time`, at which half of the final gap is there (NaN where it does not rise to that within `times`),
        and `best_test_time`, of the least test loss; over `(repeat, mode)` the `eigenvalues` of U, increasing.

    Raises
    ------
    ArgumentError
        For n < 2, features, draws or repeats < 1, draws < n, or times that are negative or do not increase.
    NoiseLevelError
        At a negative noise level.
    UnknownNameError
        For another activation.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        For a spectrum that is none.

    Examples
    --------
    >>> found = gradient_flow(8, 64, [1.0, 1e3], spectrum=[1.0] * 8, noise=0.5, draws=800)
    >>> bool(found.gap[0] < found.gap[1])
    True
    """
    n, p = check.integer("n", n, 2), check.integer("features", features, 1)
    draws, repeats = check.integer("draws", draws, 1), check.integer("repeats", repeats, 1)
    if draws < n:
        raise ArgumentError("draws", f"are {draws} for {n} data", "noise each at least once")
    tau = check.float_array("times", times)
    if tau.ndim != 1 or not tau.size:
        raise ShapeError("times", f"have shape {tau.shape}", "pass a list of times")
    check.finite("times", tau)
    if not (bool((tau >= 0).all()) and bool((np.diff(tau) > 0).all())):
        raise ArgumentError("times", "are negative or do not increase", "pass increasing times >= 0")
    check_spectrum(spectrum)
    phi = ACTIVATIONS[check.choice("activation", activation, ACTIVATIONS)]
    with check.speaking_of("noise"):
        sigma = float((noise if isinstance(noise, NoiseLevel) else NoiseLevel(noise)).sigma)
    if not 0 < sigma < math.inf:
        raise ArgumentError("noise", f"is sigma = {sigma}", "pass a noise level above 0 and finite")
    root = np.sqrt(check.float_array("spectrum", spectrum).clip(0))
    curves = np.empty((4, repeats, len(tau)))
    values = np.empty((repeats, p))
    for i in range(repeats):
        W = stream(seed, "random features", i).standard_normal((p, len(root))) / math.sqrt(len(root))
        data = stream(seed, "training data", i).standard_normal((n, len(root))) * root
        training = _moments(phi, W, sigma, root, draws, stream(seed, "training noise", i), data)
        others = [_moments(phi, W, sigma, root, draws, stream(seed, "population", i, k), None) for k in (0, 1)]
        values[i], curves[0, i], curves[1, i] = _losses(training, others[0], tau, sigma)
        _, null_train, null_test = _losses(others[1], others[0], tau, sigma)
        curves[2, i], curves[3, i] = curves[1, i] - curves[0, i], null_test - null_train
    names = ("train", "test", "gap", "null_gap")
    found = {name: mean_error(curve) for name, curve in zip(names, curves, strict=True)}
    result = xr.Dataset(estimates("tau", **found), coords={"tau": tau})
    positive = tau > 0
    half = np.full(repeats, np.nan)
    if positive.sum() > 1:
        gaps = curves[2][:, positive]
        half = crossing(tau[positive], gaps, gaps[:, -1] / 2, direction="rising", log_x=True)
    result["half_gap_time"] = "repeat", half
    result["best_test_time"] = "repeat", tau[curves[1].argmin(1)]
    result["eigenvalues"] = ("repeat", "mode"), values
    result.attrs = provenance(seed=seed) | {
        "n": n, "features": p, "dimension": len(root), "sigma": sigma, "activation": activation, "draws": draws,
    }  # fmt: skip
    return result


def _moments(
    phi: Activation, W: Array, sigma: float, root: Array, draws: int, draw: np.random.Generator, data: Array | None
) -> _Moments:
    """Means over noised data, each of `data` equally often, or over fresh ones."""
    p, d = W.shape
    c, spread = 1 / math.hypot(1, sigma), sigma / math.hypot(1, sigma)
    U, V, power, done = np.zeros((p, p)), np.zeros((p, d)), 0.0, 0
    total = draws if data is None else draws // len(data) * len(data)
    while done < total:
        count = min(BATCH, total - done)
        z = draw.standard_normal((count, d))
        clean = (
            draw.standard_normal((count, d)) * root if data is None else data[np.arange(done, done + count) % len(data)]
        )
        found = np.asarray(phi((c * clean + spread * z) @ W.T))
        U += found.T @ found
        V += found.T @ z
        power += float(np.square(z).sum()) / d
        done += count
    return _Moments(U / total, V / total, power / total)


def _losses(training: _Moments, population: _Moments, tau: Array, sigma: float) -> tuple[Array, Array, Array]:
    """(eigenvalues of U, training loss, test loss), the losses over tau."""
    p, d = training.V.shape
    delta = (sigma / math.hypot(1, sigma)) ** 2
    values, Q = np.linalg.eigh(training.U)
    values = values.clip(0)
    V, new_U, new_V = Q.T @ training.V, Q.T @ population.U @ Q, Q.T @ population.V
    rate = delta * values * d / p
    train, test = np.empty(len(tau)), np.empty(len(tau))
    for k, t in enumerate(tau):
        exponent = rate * t
        grown = np.divide(-np.expm1(-exponent), values, out=np.full(p, delta * d / p * t), where=values > 0)
        B = -grown[:, None] * V  # sqrt(Delta / p) A' in the eigenbasis
        train[k] = training.power + (float(values @ np.square(B).sum(1)) + 2 * float((B * V).sum())) / d
        test[k] = population.power + (float((B * (new_U @ B)).sum()) + 2 * float((B * new_V).sum())) / d
    return values, train, test
