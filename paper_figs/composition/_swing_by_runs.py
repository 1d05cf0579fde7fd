"""Two-layer linear networks f(x) = U U^T x, trained by stochastic gradient descent on concept clusters [@Yang2025]."""

from __future__ import annotations

import numpy as np
import torch

from ..._support.streams import stream

DIMENSION, PER_CLUSTER, BATCH = 64, 5000, 128


def start(means: np.ndarray, size: float, correlation: float, seed: int) -> np.ndarray:
    """U(0) `(d, d)` of small random rows; the first rows, of the concepts, are correlated, so that w_12 > 0."""
    rows = stream(seed, "swing-by start").standard_normal((DIMENSION, DIMENSION)) / DIMENSION**0.5
    for k in range(1, len(means)):
        rows[k] = correlation * rows[0] + (1 - correlation**2) ** 0.5 * rows[k]
    return size**0.5 * rows


def clusters(means: np.ndarray, spread: float, seed: int) -> np.ndarray:
    """`(s n, d)` points: cluster p around mu_p e_p, with the spread along each concept axis."""
    s = len(means)
    points = np.zeros((s, PER_CLUSTER, DIMENSION))
    points[..., :s] = spread * stream(seed, "swing-by data").standard_normal((s, PER_CLUSTER, s))
    points[np.arange(s), :, np.arange(s)] += means[:, None]
    return points.reshape(-1, DIMENSION)


def train(points: np.ndarray, initial: np.ndarray, rate: float, steps: int, every: int, seed: int) -> np.ndarray:
    """W = U U^T `(steps / every + 1, d, d)` along training on |f(x) - x|^2 / 2, batch by batch."""
    data = torch.from_numpy(points)
    layer = torch.from_numpy(initial).clone().requires_grad_(True)
    kept = [layer.detach().clone()]
    for step in range(steps):
        rows = stream(seed, "swing-by batch", step).integers(len(data), size=BATCH)
        batch = data[torch.from_numpy(rows)]
        loss = (batch @ layer @ layer.T - batch).square().sum(1).mean() / 2
        [gradient] = torch.autograd.grad(loss, layer)
        with torch.no_grad():
            layer -= rate * gradient
        if (step + 1) % every == 0:
            kept.append(layer.detach().clone())
    return np.stack([(u @ u.T).numpy() for u in kept])
