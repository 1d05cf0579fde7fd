"""Mini-batches: what noise their gradients leave in the weights of a linear denoiser [@WangPehlevan2025]."""

from __future__ import annotations

import numpy as np

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError
from .linear import ROUNDING, LinearLearning


def minibatch_error(theory: LinearLearning, steps: ArrayLike, batch_size: int) -> Array:
    """E[(W_ij - W*_ij)^2] in the eigenbasis after `steps` of mini-batch descent.

    Exact for Gaussian data, fresh data and noise at each step. Row i regresses x0_i on x, whose covariance is
    diag(h), h = lambda + sigma^2, with the noise v_i = lambda_i sigma^2 / h_i left over; by Isserlis' theorem

        c_ij <- (1 - 2 eta h_j)^2 c_ij + (4 eta^2 / B) h_j (h_j c_ij + sum_l h_l c_il + v_i).

    It stays bounded where sum_j g_j / (B - (B + 1) g_j) < 1 with every g_j = eta h_j < B / (B + 1).

    Parameters
    ----------
    theory : LinearLearning
        Spectrum, noise level, rate eta and initial weights.
    steps : array_like of int
        Numbers of steps >= 0, any shape.
    batch_size : int
        B >= 1.

    Returns
    -------
    array
        `(*steps, k, k)`.

    Raises
    ------
    ArgumentError
        Where the second moment grows without bound, and for steps that are not whole numbers >= 0.

    Examples
    --------
    >>> theory = LinearLearning([1.0], sigma=1.0, rate=0.01)
    >>> float(minibatch_error(theory, 10_000, batch_size=10)[0, 0]).__round__(6)
    0.000512
    """
    batch_size = check.integer("batch_size", batch_size, 1)
    check.instance("theory", theory, LinearLearning)
    wanted = check.array("steps", steps)
    if not np.issubdtype(wanted.dtype, np.integer) or bool((wanted < 0).any()):
        raise ArgumentError("steps", f"is {steps!r}", "pass whole numbers >= 0")
    h, eta = theory.curvature, theory.rate
    step = np.diag((1 - 2 * eta * h) ** 2 + 4 * eta**2 / batch_size * h**2)
    step = step + 4 * eta**2 / batch_size * np.outer(h, h)
    gain = eta * h
    room = batch_size - (batch_size + 1) * gain
    if bool((room <= ROUNDING).any()) or float((gain / np.maximum(room, ROUNDING)).sum()) >= 1 - ROUNDING:
        raise ArgumentError(
            "rate", f"is {eta:.3g}, where mini-batch descent diverges", "pass a smaller rate or larger batches"
        )
    values, basis = np.linalg.eigh(step)
    leftover = theory.optimum * theory.sigma**2
    source = 4 * eta**2 / batch_size * h
    start = np.diag((theory.initial - theory.optimum) ** 2)
    return _recursion(values, basis, start, np.outer(leftover, source), wanted)


def reference(theory: LinearLearning, steps: int, batch_size: int) -> np.ndarray:
    """`minibatch_error` step by step: c_ij <- (1 - 2 eta h_j)^2 c_ij + (4 eta^2 / B) h_j (h_j c_ij + ... + v_i)."""
    h, eta = theory.curvature, theory.rate
    v = theory.eigenvalues * theory.sigma**2 / h
    c = np.diag((theory.initial - theory.optimum) ** 2)
    for _ in range(steps):
        noise = h * c + (c @ h)[:, None] + v[:, None]
        c = (1 - 2 * eta * h) ** 2 * c + 4 * eta**2 / batch_size * h * noise
    return c


def _recursion(
    values: np.ndarray, basis: np.ndarray, start: np.ndarray, source: np.ndarray, steps: np.ndarray
) -> np.ndarray:
    """c_n = S^n c_0 + (1 + S + ... + S^(n-1)) source for each row, by the eigenvectors of the symmetric S."""
    power = values ** steps[..., None, None]
    return ((start @ basis) * power + (source @ basis) * (1 - power) / (1 - values)) @ basis.T
