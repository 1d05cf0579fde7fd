"""How long the theories take to make, and what the spectra of the images take, before any of it is done.

Fits are sums over the images and eigenvectors: both are timed on a small part and scaled by their known growth, n d^2
and d^3. The choice of the patch sizes is timed on part of the images that they are compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from ...._support.cost import Part, duration, probe
from ....errors import ArgumentError
from ....learned.data.images import ImageData
from ....simulate.diffusion import noised
from ....theory._scatter import scatter_of
from ....theory.local.patches import LocalDenoiser
from .._patch_sizes import BANK, PROBES, candidates
from ..options import Comparison

FITTED = ("gaussian", "finite-sample", "mixture", "masked")
SIZES = "patch sizes"
BLOCK, LARGEST = 512, 1024  # data and dimensions of a probe
PART = 1024  # images that windows are compared with in a probe
TRIED = 0.7  # the share of the patch sizes that is tried at a noise level, before the larger ones are hopeless
SINGULAR = 6.0  # a singular value decomposition over eigenvectors of the same size
SPARE = 0.8  # the share of a budget that theories may take to be made


@dataclass(frozen=True)
class Ahead:
    """Seconds of what is made before the noise levels, by name, and of the spectra that are taken after them."""

    made: dict[str, float]
    after: float

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {duration(seconds)}" for name, seconds in self.made.items() if seconds >= 1)
        return f"about {duration(sum(self.made.values()))}" + (f": {parts}" if parts else "")

    @property
    def part(self) -> Part:
        """What comes after the noise levels, as a line of a plan."""
        return Part("spectra", 2, self.after)

    def within(self, theories: Sequence[str], seconds: float) -> list[str]:
        """The theories that there is time to make: the ones that take longest are left out first."""
        kept = list(theories)
        while self._making(kept) + self.after > SPARE * seconds:
            costly = [name for name in kept if self.made.get(name, 0.0) > 0]
            if not costly or len(kept) == 1:
                need = duration((self._making(kept) + self.after) / SPARE)
                problem = f"leaves {duration(max(seconds, 0.0))}, and {' and '.join(kept)} alone need about {need}"
                raise ArgumentError("budget", problem, "allow more time, or ask for other theories")
            kept.remove(max(costly, key=lambda name: self.made[name]))
        return kept

    def _making(self, theories: Sequence[str]) -> float:
        """Seconds of the fits; the choice of the patch sizes keeps to a budget by itself."""
        return sum(self.made.get(name, 0.0) for name in theories)


def ahead_of(training: ImageData, held_out: ImageData, config: Comparison) -> Ahead:
    """The estimate for the theories of `config` on these images, from about two seconds of probes."""
    n, dim = len(training), training.images[0].numel()
    block = training.images[:BLOCK].flatten(1)
    summing = probe(partial(_summed, block), 1, 0.1).each / (len(block) * dim**2)
    side = min(dim, LARGEST)
    matrix = torch.eye(side, dtype=torch.float64) + torch.linspace(0, 1, side, dtype=torch.float64)
    vectors = probe(lambda _: torch.linalg.eigh(matrix + matrix.T), 1, 0.2).each / side**3

    def fit(count: int) -> float:
        """Mean, covariance and eigenvectors of so many images."""
        if count <= dim:
            return SINGULAR * vectors * count**2 * dim
        return summing * count * dim**2 + vectors * dim**3

    labels = training.labels
    groups = [n / 10] * 10 if labels is None else np.unique(np.asarray(labels), return_counts=True)[1].tolist()
    costs = {
        "gaussian": lambda: fit(n),
        "finite-sample": lambda: fit(n + len(held_out)),
        "mixture": lambda: sum(fit(int(count)) for count in groups),
        "masked": lambda: SINGULAR * vectors * min(n, dim) ** 2 * max(n, dim),
    }
    made = {name: costs[name]() for name in config.theories if name in FITTED}
    if "local" in config.theories:
        made[SIZES] = _choosing(training.images, config)
    return Ahead(made, fit(n) + 0.7 * fit(n + len(held_out)))


def _summed(block: torch.Tensor, times: int) -> None:
    for _ in range(times):
        scatter_of(block, torch.zeros(block.shape[1], dtype=torch.float64))


def _choosing(images: torch.Tensor, config: Comparison) -> float:
    """Seconds of the choice of the patch sizes: the smallest, a middle and the largest one are tried on some images."""
    sizes = candidates(config.patch_sizes, tuple(images.shape[1:]))
    if len(sizes) == 1:
        return 0.0
    bank = images[: min(len(images), PART)]
    sigma = float(config.sigmas[len(config.sigmas) // 2])
    x = noised(images[:2], sigma)
    seconds = []
    for size in sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]}):
        theory = LocalDenoiser(bank, size, equivariant=False)
        seconds.append(probe(lambda n, theory=theory: theory(x[:n], sigma), 2, 0.1).each)
    images_compared = min(PROBES, max(1, len(images) // 5)) * min(BANK, len(images)) / len(bank)
    return TRIED * len(sizes) * float(np.mean(seconds)) * images_compared * len(config.sigmas)


def without_what_takes_too_long(config: Comparison, ahead: Ahead, seconds: float) -> tuple[Comparison, list[str]]:
    """The comparison with the theories that there is time to make, and the names of the others."""
    kept = ahead.within(config.theories, seconds)
    left = [theory for theory in config.theories if theory not in kept]
    return (replace(config, theories=tuple(kept)) if left else config), left
