"""What the transitions of a data set will cost: probes of covariance, eigenvectors, and entropy by draws."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from ..._support.cost import Part, Plan, peak_memory, probe
from .budget import afford, allowed, show_plan

if TYPE_CHECKING:
    from ...learned.data.images import ImageData

BLOCK = 256  # data of one probe of a covariance
LEVELS = 9  # noise levels at which the entropy is asked for, about
FEWEST = 50


def planned_draws(data: ImageData, draws: int, budget: str, started: float) -> tuple[int, tuple[float, float]]:
    """How many draws of the entropy there is time for, after the plan was told, and the seconds of the two parts."""
    n, dim = len(data), data.images[0].numel()
    passes = 1 if n > dim else 0
    block = data.images[:BLOCK].double().flatten(1)
    third = max(1, dim // 3)
    matrix = block[:, :third].T @ block[:, :third] + torch.eye(third, dtype=torch.float64)
    scatter = probe(lambda k: [block.T @ block for _ in range(k)], 8, 0.3)
    eigen = probe(lambda _: torch.linalg.eigh(matrix), 1, 0.1)
    errors = 1 if data.labels is not None and data.n_classes > 1 else 0  # about as many products as half a scatter
    spectrum = passes * (1 + errors) / 2 * scatter(n / len(block)) + 27 * eigen(1)
    each = _seconds_of_a_draw(data.images) if draws else 0.0
    spent = time.monotonic() - started
    if draws:
        draws = afford(draws, min(FEWEST, draws), allowed(budget, spent), each, spectrum, "draws of the entropy")
    else:
        afford(1, 1, allowed(budget, spent), 0.0, spectrum, "spectra")
    parts = [Part("spectrum", 1, spectrum)]
    if draws:
        parts.append(Part("entropy", draws * LEVELS, draws * each))
    memory = peak_memory() + 8 * n * (2 * dim + 2 * draws)
    show_plan(Plan(f"transitions of {n} images of {dim} entries", tuple(parts), memory), spent)
    return draws, (spectrum, draws * each)


def _seconds_of_a_draw(images: torch.Tensor) -> float:
    """The two rows of products of one draw with all data, and its entropies, from a part of the data."""
    from ...theory.transitions._entropy import NoisyData

    part = images[: min(len(images), 4096)].double()
    noisy = NoisyData(part, 32, 0)
    noisy.prepare()
    noisy.entropy(1.0)  # compiles
    products = probe(lambda _: noisy.prepare(), 1, 0.2)
    entropy = probe(lambda _: noisy.entropy(1.0), 1, 0.1)
    return (products(1) + LEVELS * entropy(1)) / 32 * len(images) / len(part)
