"""The entropy of posterior weights from tables of products, compiled: one pass over a row, in the cache."""

from __future__ import annotations

import numpy as np
from numba import prange

from ..._support.compiled import compiled
from ..._support.types import Array

NEGLIGIBLE = -100.0  # e^-100 of the largest weight is lost in float64


@compiled(parallel=True, fastmath={"nsz", "arcp", "contract", "reassoc"})
def entropies(gaps: Array, along: Array, sigma: float) -> Array:
    """-sum_j w_j log w_j, w = softmax(-(gaps / 2 sigma + along) / sigma), row by row: (draws, n) gives (draws,)."""
    draws, n = gaps.shape
    found = np.empty(draws)
    for i in prange(draws):
        logits = np.empty(n)
        top = -np.inf
        for j in range(n):
            logits[j] = -(gaps[i, j] * (0.5 / sigma) + along[i, j]) / sigma
            top = max(top, logits[j])
        total, mean = 0.0, 0.0
        for j in range(n):
            logit = logits[j] - top
            if logit > NEGLIGIBLE:
                weight = np.exp(logit)
                total += weight
                mean += weight * logit
        found[i] = np.log(total) - mean / total
    return found
