"""How much of a score is explained by the best theory, and by the best convex combination of all.

With e_k = D_k - D_net and weights w >= 0 of sum 1, sum_k w_k D_k misses |sum_k w_k e_k|^2 = w^T G w of the network,
G_kl = <e_k, e_l>. The weights are fitted by least squares on one half of the points and the miss is measured on the
other, and the other way round, so that no point is explained by weights that have seen it; the best single theory is
chosen in the same way.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..._support.estimates import estimates, mean_error, ratio_error
from ..._support.types import Array

GROUPS = 20  # of points, each left out once for the errors of the weights


def simplex_weights(gram: Array) -> Array:
    """The weights w >= 0, sum w = 1, with the least w^T G w, by non-negative least squares (SciPy).

    Over u = t w, t >= 0, the least of u^T G u + (sum u - 1)^2 has the same w for every t: a problem without the
    condition on the sum.

    Parameters
    ----------
    gram : array (k, k)
        G, symmetric and positive semi-definite.

    Returns
    -------
    array (k,)
        The weights.

    Examples
    --------
    >>> simplex_weights(np.array([[1.0, 0.0], [0.0, 3.0]])).round(12).tolist()  # errors at a right angle
    [0.75, 0.25]
    >>> simplex_weights(np.array([[1.0, 2.0], [2.0, 4.0]])).round(12).tolist()  # the second is twice the first
    [1.0, 0.0]
    """
    from scipy.optimize import nnls

    scale = float(np.trace(gram)) / len(gram)
    if scale <= 0:
        return np.full(len(gram), 1 / len(gram))
    values, vectors = np.linalg.eigh(gram / scale)
    root = np.sqrt(np.clip(values, 0, None))[:, None] * vectors.T
    found, _ = nnls(np.vstack([root, np.ones(len(gram))]), np.append(np.zeros(len(gram)), 1.0))
    return found / found.sum()


def explained_by_all(gram: Array, net_move: Array) -> xr.Dataset:
    """The shares of the score that the best theory and the best convex combination explain, on points not fitted.

    Parameters
    ----------
    gram : array (k, k, n)
        G for each point; a theory with NaN takes no part.
    net_move : array (n,)
        |D_net - x|^2 of each point.

    Returns
    -------
    xarray.Dataset
        `best_explained`, `combination_explained` and `combination_gain`, their difference by points, each with its
        `_stderr` over points; over `theory`: `combination_weight`, the mean of the two halves, with the `_stderr` of a
        jackknife over up to 20 groups of points (nan for fewer than four points).

    Examples
    --------
    >>> gram = np.multiply.outer([[1.0, 0.0], [0.0, 3.0]], np.ones(4))
    >>> found = explained_by_all(gram, np.full(4, 10.0))
    >>> round(float(found.best_explained), 9), round(float(found.combination_explained), 9)
    (0.9, 0.925)
    """
    alive = np.flatnonzero(np.isfinite(np.einsum("kkn->kn", gram)).all(1))
    weights, errors = np.zeros((2, len(gram))), np.zeros(len(gram))
    if not len(alive):
        return _shares(np.full((2, len(net_move)), np.nan), net_move, weights.mean(0) * np.nan, errors * np.nan)
    kept = gram[np.ix_(alive, alive)]
    halves = np.arange(len(net_move)) % 2
    missed = np.empty((2, len(net_move)))
    for half in (0, 1):
        mean = kept[..., halves != half].mean(-1)
        mine = kept[..., halves == half]
        weights[half, alive] = fitted = simplex_weights(mean)
        best = int(mean.diagonal().argmin())
        missed[:, halves == half] = mine[best, best], np.einsum("k,kln,l->n", fitted, mine, fitted)
    errors[alive] = _weight_error(kept, halves)
    return _shares(missed, net_move, weights.mean(0), errors)


def _weight_error(gram: Array, halves: Array) -> Array:
    """Standard errors `(k,)` of the mean of the weights fitted to each half, with one group of points left out."""
    groups = np.arange(len(halves)) // 2 % min(GROUPS, len(halves) // 2)
    count = int(groups.max()) + 1
    if count < 2:
        return np.full(len(gram), np.nan)
    left_out = np.array(
        [
            np.mean([simplex_weights(gram[..., (halves == half) & (groups != g)].mean(-1)) for half in (0, 1)], axis=0)
            for g in range(count)
        ]
    )
    return np.sqrt((count - 1) / count * np.square(left_out - left_out.mean(0)).sum(0))


def _shares(missed: Array, net_move: Array, weights: Array, errors_of_weights: Array) -> xr.Dataset:
    """From what the best theory and the combination miss of each point to shares with errors."""
    shares, errors = ratio_error(missed, np.broadcast_to(net_move, missed.shape), axis=1)
    gain, gain_error = ratio_error(missed[0] - missed[1], net_move)
    weight = weights, errors_of_weights
    of_all = estimates(
        (),
        best_explained=(1 - shares[0], errors[0]),
        combination_explained=(1 - shares[1], errors[1]),
        combination_gain=(gain, gain_error),
    )
    return xr.Dataset({**of_all, **estimates("theory", combination_weight=weight)})


def beats(null_distance: Array, distance: Array) -> Array:
    """Which theories (k,) miss less than the null by more than two standard errors, point by point `(k, n)`."""
    gain, error = mean_error(null_distance - distance, axis=1)
    return gain > 2 * np.nan_to_num(error)
