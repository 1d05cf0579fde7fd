r"""The covariance within classes as a change of low rank of that of all data: no decomposition of its own.

With the means mu + d_k of classes of shares pi_k, C_w = C - sum_k pi_k d_k d_k^T. Let Q(sigma) be the matrix
sqrt(pi_k pi_l) d_k^T (C + sigma^2)^-1 d_l, with eigenvalues q_i < 1 and eigenvectors p_i. By Woodbury's identity, for
the half difference m of two means, m = sum_k sqrt(pi_k) u_k d_k with u = (e_a / sqrt(pi_a) - e_b / sqrt(pi_b)) / 2,

    c^2(sigma) = m^T (C_w + sigma^2)^-1 m = sum_i (p_i . u)^2 q_i / (1 - q_i),
    (C_w + sigma^2)^-1 m = (C + sigma^2)^-1 sum_k d_k sqrt(pi_k) [(1 - Q)^-1 u]_k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..._support.types import Array
from ._spectrum import Spectrum

SMALLEST = 1e-300


@dataclass(frozen=True)
class ClassMeans:
    """Means of classes on the eigenvectors of the data.

    `eigenvalues` `(r,)` of C, `offsets` `(r, k)` the sqrt(pi_k) d_k, `shares` `(k,)`; `rounding` is the relative error
    of the arithmetic on the largest eigenvalue.
    """

    eigenvalues: Array
    offsets: Array
    shares: Array
    rounding: float

    @classmethod
    def of(cls, found: Spectrum, means: torch.Tensor, shares: torch.Tensor) -> ClassMeans:
        """From the spectrum of the data, and the means `(k, d)` and shares `(k,)` of their classes."""
        assert found.basis is not None and found.mean is not None
        offsets = ((means - found.mean) * shares.sqrt()[:, None]) @ found.basis
        return cls(found.eigenvalues, offsets.T.numpy(force=True), shares.numpy(force=True), found.rounding)

    def pair(self, a: int, b: int) -> Array:
        """u of two classes, `(k,)`."""
        u = np.zeros(len(self.shares))
        u[a], u[b] = 0.5 / np.sqrt(self.shares[a]), -0.5 / np.sqrt(self.shares[b])
        return u

    def length(self, u: Array) -> float:
        """|m|."""
        return float(np.linalg.norm(self.offsets @ u))

    def squared(self, u: Array, sigma: float) -> float:
        """c^2 at `sigma`."""
        q, vectors, _ = self._overlaps(sigma)
        return float(((vectors.T @ u) ** 2 * q / np.maximum(1 - q, SMALLEST)).sum())

    def overlap(self, u: Array) -> bool:
        """Whether c^2(0) <= 1, up to what the rounding of C leaves on it."""
        q, vectors, scaled = self._overlaps(0.0)
        error = self.rounding * (2 * q + self.eigenvalues[0] * ((scaled @ vectors) ** 2).sum(0))
        parts, left = (vectors.T @ u) ** 2, 1 - q
        sure = left > error
        if bool((parts[~sure] > max(1e-24, self.rounding**2) * parts.sum()).any()):
            return False  # without a variance along m they part
        terms = parts[sure] / left[sure]
        return float((terms * q[sure]).sum()) - 1 <= float((terms * error[sure] / left[sure]).sum())

    def resolved(self, u: Array, sigma: float) -> Array:
        """(C_w + sigma^2)^-1 m on the eigenvectors of the data, `(r,)`."""
        q, vectors, scaled = self._overlaps(sigma)
        return scaled @ (vectors @ ((vectors.T @ u) / np.maximum(1 - q, SMALLEST)))

    def _overlaps(self, sigma: float) -> tuple[Array, Array, Array]:
        """q and the p of Q, and (C + sigma^2)^-1 on the offsets."""
        scaled = self.offsets / (self.eigenvalues + sigma**2)[:, None]
        q, vectors = np.linalg.eigh(self.offsets.T @ scaled)
        return q.clip(0, 1), vectors, scaled
