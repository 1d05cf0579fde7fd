r"""K Gaussian classes of one covariance: what guidance does to mean and spread, by Monte Carlo over the start.

With v_i = l_i + sigma^2 for the eigenvalues l of the covariance, zeta_i = (x - mu_c)_i / sqrt(v_i) and
u_j = (mu_c - mu_j)_i / sqrt(v_i), the guided probability flow of class c is

    d zeta = w sum_j r_j d u_j,   r_j ~ pi_j exp(-u_j . zeta - |u_j|^2 / 2),   zeta ~ N(0, I) at u = 0;

for two classes u_j = 2 u, and this is the equation of `guided_shift`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import softmax

from ..._support import checks as check
from ..._support.streams import normal_batch
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError
from ..mixture import MixtureDenoiser
from ._guided_shift import LARGEST_W, check_interval, guided_shift
from .shared_classes import SharedClasses

STEPS = 64
SERIAL = 2**18  # products below which no library starts threads, which would wait for each other longer than they work
SEPARATE = 200.0  # squared distance beyond which classes are told apart for good: r_j < exp(-50)
LEAST = 1e-3  # of the smallest width, where the flow ends


@dataclass(frozen=True, eq=False)
class ClassShift:
    """What guidance towards one class does to its samples, each number with the standard error of Monte Carlo.

    Parameters
    ----------
    shift, shift_stderr : float
        Length of the mean displacement in widths of the class (Mahalanobis distance).
    variance, variance_stderr : float
        Variance along that displacement in squared widths; 1 without guidance.
    spread, spread_stderr : float
        Variance of the guided samples summed over all pixels, over that of the class.
    displacement : array (d,)
        Mean of the guided samples less the mean of the class, pixel by pixel.

    Examples
    --------
    >>> mixture = MixtureDenoiser([0.5, 0.5], [[-2.0, 0.0], [2.0, 0.0]], [1.0, 1.0])
    >>> found = class_shift(mixture, 1, 3.0)
    >>> round(found.shift, 4), found.shift_stderr
    (1.3633, 0.0)
    """

    shift: float
    shift_stderr: float
    variance: float
    variance_stderr: float
    spread: float
    spread_stderr: float
    displacement: Array


def class_shift(
    source: ArrayLike | MixtureDenoiser | SharedClasses,
    label: int,
    w: float,
    *,
    labels: ArrayLike | None = None,
    interval: tuple[float, float] = (0.0, math.inf),
    n: int = 1024,
    seed: int = 0,
) -> ClassShift:
    """Mean and spread of samples of one class, guided by D_c + w (D_c - D_u) [@Ho2022], for Gaussian classes.

    Classes of one covariance: that of the mixture, or of the data within their classes. The probability flow is
    solved from sigma = inf to 0 for `n` starts.

    Parameters
    ----------
    source : array (n, *event), MixtureDenoiser or SharedClasses
        Data with labels; or a mixture whose components, the classes, have one covariance.
    label : int
        The class that is guided to.
    w : float
        Weight of the guidance, >= 0; 0 is none.
    labels : array (n,), optional
        The class of each datum.
    interval : (float, float)
        Guidance is on for sigma in between.
    n : int
        Number of starts.
    seed : int
        Seed of the starts.

    Returns
    -------
    ClassShift
        Shift, variance and spread with errors, and the mean displacement.

    Raises
    ------
    ArgumentError
        For a negative w, an unknown or only class, an interval that is none, or covariances that differ.

    References
    ----------
    The equation in the module; for two classes derived by `idealscore derive guidance`.

    Examples
    --------
    >>> mixture = MixtureDenoiser([0.5, 0.5], [[-2.0, 0.0], [2.0, 0.0]], [1.0, 1.0])
    >>> class_shift(mixture, 1, 3.0, n=16).displacement.round(1).tolist()[1]
    0.0
    """
    classes = SharedClasses.of(source, labels)
    w, (low, high) = check.real("w", w, 0.0, LARGEST_W), check_interval(interval, math.inf)
    check.seed("seed", seed)
    if isinstance(label, torch.Tensor) or label not in classes.names:
        raise ArgumentError("label", f"is {label!r}", f"pass one of {', '.join(map(str, classes.names))}")
    k, n = classes.names.index(label), check.integer("n", n, 2)
    exact = _on_a_line(classes, k, w, (low, high))
    if exact is not None:
        return exact
    apart, prior = classes.means[k] - classes.means, np.log(classes.weights)
    start = normal_batch(seed, "guided start", range(n), (len(classes.eigenvalues),)).numpy()
    blocks = np.split(start, range(0, n, max(1, SERIAL // apart.size))[1:])
    end = np.concatenate([_flow(block, w, apart, classes.eigenvalues, prior, (low, high)) for block in blocks])
    return _measured(classes, start, end)


def _on_a_line(classes: SharedClasses, k: int, w: float, interval: tuple[float, float]) -> ClassShift | None:
    """Two classes that differ along one eigenvector: the universal equation; None for others."""
    lowest, highest = classes.eigenvalues.min(), classes.eigenvalues.max()
    if len(classes.names) != 2 or highest - lowest > 1e-12 * highest:
        return None
    half = (classes.means[k] - classes.means[1 - k]) / 2
    a = float(np.linalg.norm(half))
    # as u rises sigma falls
    first, second, last = (
        a / math.hypot(math.sqrt(lowest), s) if lowest or s else math.inf for s in (*interval[::-1], 0.0)
    )
    if not first < second:
        return None
    mean, variance = guided_shift(w, last, (first, second), weight=float(classes.weights[k]))
    total = classes.total_variance
    spread = 1 + (variance - 1) * float(lowest) / total if total > 0 else 1.0
    moved = mean * math.sqrt(lowest) * half / a
    return ClassShift(mean, 0.0, variance, 0.0, spread, 0.0, moved @ classes.directions.numpy(force=True).T)


def _measured(classes: SharedClasses, before: Array, after: Array) -> ClassShift:
    """From starts and ends, in units of the widths; what is known of the starts takes their scatter out."""
    move, variances, total = after - before, classes.eigenvalues, classes.total_variance
    n, mean = len(move), move.mean(0)
    length = float(np.linalg.norm(mean))
    along = mean / length if length > 0 else np.eye(len(mean))[0]
    z = before @ along
    moved = mean * np.sqrt(variances)
    of_pixels = (after**2 - before**2 - 2 * move * mean) @ variances
    mean_along, mean_error = _regressed(move @ along, z)
    second, second_error = _regressed((after @ along - mean_along) ** 2, z)
    pixels, pixels_error = _regressed(of_pixels / total if total > 0 else np.zeros(n), z)
    across = float(move.var(0, ddof=1).sum() - (move @ along).var(ddof=1)) / n  # by which the direction is noisy
    return ClassShift(
        mean_along + (across / (2 * mean_along) if mean_along > 0 else 0.0),
        mean_error,
        second,
        second_error,
        1 + pixels + (float(moved @ moved) / total if total > 0 else 0.0),
        pixels_error,
        moved @ classes.directions.numpy(force=True).T,
    )


def _regressed(values: Array, z: Array) -> tuple[float, float]:
    """Mean of `values` and its standard error, by regression on Hermite polynomials of z ~ N(0, 1), whose mean is 0."""
    degree = min(4, len(z) // 64)
    design = np.polynomial.hermite_e.hermevander(z, degree)
    fitted = np.linalg.lstsq(design, values, rcond=None)[0]
    rest = values - design @ fitted
    scatter = rest @ rest / max(len(z) - degree - 1, 1)
    return float(fitted[0]), math.sqrt(scatter * np.linalg.inv(design.T @ design)[0, 0])


def _flow(start: Array, w: float, apart: Array, widths: Array, prior: Array, interval: tuple[float, float]) -> Array:
    """zeta at the end, by Runge-Kutta of fourth order in t = asinh(scale / sigma), in which u begins linearly."""
    scale = math.sqrt(float(np.square(apart).sum(1).max()))
    last = _last(apart, widths, scale)
    first, last = (
        math.asinh(scale / sigma) if sigma > 0 else math.inf for sigma in (interval[1], max(interval[0], last))
    )
    if w == 0 or not first < last:
        return start

    def slope(t: float, zeta: Array) -> Array:
        # u = apart / sqrt(l + (scale / sinh t)^2) = apart sinh(t) / sqrt(l sinh(t)^2 + scale^2)
        sine = math.sinh(t)
        root = np.sqrt(widths * sine**2 + scale**2)
        u, speed = apart * (sine / root), apart * (math.cosh(t) * scale**2 / root**3)
        posterior = np.asarray(softmax(prior - zeta @ u.T - np.square(u).sum(1) / 2, axis=1))
        return w * (posterior @ speed)

    zeta, step = start, (last - first) / STEPS
    for i in range(STEPS):
        t = first + i * step
        a = slope(t, zeta)
        b = slope(t + step / 2, zeta + step / 2 * a)
        c = slope(t + step / 2, zeta + step / 2 * b)
        zeta = zeta + step / 6 * (a + 2 * b + 2 * c + slope(t + step, zeta + step * c))
    return zeta


def _last(apart: Array, widths: Array, scale: float) -> float:
    """The noise level below which nothing moves: the classes are apart, or as far apart as they ever get."""
    others = apart[np.square(apart).sum(1) > 0]
    positive = widths[widths > 0]
    floor = LEAST * math.sqrt(float(positive.min())) if len(positive) else 0.0
    sigma = scale
    for _ in range(200):
        nearest = float((np.square(others) / (widths + sigma**2)).sum(1).min())
        if nearest > SEPARATE or sigma < floor:
            break
        sigma /= 1.25
    return sigma
