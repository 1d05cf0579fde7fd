"""What a comparison will cost, from a probe of each denoiser, and what is left out to keep a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..._support.cost import Pace, Part, Plan, duration, peak, probe
from ..._support.types import Array
from ...errors import ArgumentError
from ...simulate.diffusion import noised
from ...theory.denoiser import Denoiser
from ...theory.local.patches import LocalDenoiser
from ._track import conditioned
from .options import Comparison

NETWORK = "network"
ENOUGH = 16
"""Images of a kind below which a theory is rather left out than images."""
BATCH = 256
PROBE_SECONDS = 1.0


@dataclass(frozen=True)
class Cost:
    """The paces of network and theories at the lowest, the middle and the highest noise level.

    `setups` are the patch sizes of the local optimum that the probe has not seen, `examples` the single images that are
    denoised for the figure.
    """

    paces: Mapping[str, Sequence[Pace]]
    sigmas: Array
    n_noise: int
    splits: int = 2
    setups: int = 0
    examples: int = 0

    def part(self, name: str, n_images: int) -> Part:
        """The work of one denoiser."""
        paces = self.paces[name]
        at = np.log(self.sigmas[[0, len(self.sigmas) // 2, -1]])
        full, rest = divmod(n_images, BATCH)
        seconds = [full * pace(BATCH) + (pace(rest) if rest else 0.0) for pace in paces]
        rounds = self.n_noise * self.splits
        total = rounds * float(np.interp(np.log(self.sigmas), at, seconds).sum())
        total += self.examples * float(np.mean([pace(1) for pace in paces]))
        if name == "local":
            total += self.setups * float(np.mean([pace.first for pace in paces]))
        return Part(name, rounds * len(self.sigmas) * n_images + self.examples, total)

    def plan(self, names: Sequence[str], n_images: int) -> Plan:
        """The work of the network and of the theories `names`."""
        parts = tuple(self.part(name, n_images) for name in (NETWORK, *names))
        memory = peak([pace for name in (NETWORK, *names) for pace in self.paces[name]], min(n_images, BATCH))
        what = (
            f"{self.splits} x {n_images} images at {len(self.sigmas)} noise levels, each noised {self.n_noise}"
            f" {'time' if self.n_noise == 1 else 'times'}"
        )
        return Plan(what, parts, memory)

    def within(self, names: Sequence[str], n_images: int, seconds: float) -> tuple[list[str], int]:
        """The theories and the number of images that `seconds` are enough for.

        Images are left out first, down to 16; then the theory that takes longest, with all images again; the last
        theory keeps at least two images.
        """
        left = sorted(names, key=lambda name: self.part(name, n_images).seconds)
        while True:
            least = min(n_images, ENOUGH if len(left) > 1 else 2)
            if self.plan(left, least).seconds <= seconds:
                break
            if len(left) == 1:
                need = duration(self.plan(left, least).seconds)
                problem = (
                    f"leaves {duration(max(seconds, 0.0))}, less than one evaluation of '{left[0]}' takes ({need})"
                )
                raise ArgumentError("budget", problem, "allow more time, or ask for fewer levels")
            left.pop()
        n = n_images
        while n > least and self.plan(left, n).seconds > seconds:
            n = max(least, min(n - 1, int(n * 0.95)))
        return [name for name in names if name in left], n


def measured(
    network: Denoiser,
    theories: Mapping[str, Denoiser],
    images: torch.Tensor,
    config: Comparison,
    told: torch.Tensor | None = None,
) -> Cost:
    """Probe the network, told of each image what `told` holds, and every theory for about a second each."""
    sigmas = config.sigmas
    levels = [float(sigmas[0]), float(sigmas[len(sigmas) // 2]), float(sigmas[-1])]
    most = min(len(images), BATCH)

    def paces(denoiser: Denoiser, told: torch.Tensor | None = None) -> list[Pace]:
        made = []
        for sigma in levels:
            x = noised(images[:most], sigma)
            with torch.no_grad():
                work = lambda n, x=x, s=sigma: conditioned(denoiser, told, slice(n))(x[:n], s)  # noqa: E731
                made.append(probe(work, most, PROBE_SECONDS / 3))
        return made

    cost = Cost({NETWORK: paces(network, told)}, sigmas, config.n_noise, examples=len(config.example_sigmas))
    cost = replace(cost, paces={**cost.paces, **{name: paces(theory) for name, theory in theories.items()}})
    local = theories.get("local")
    if isinstance(local, LocalDenoiser) and callable(local.patch_size):
        sizes = {local.patch_size(float(s)) for s in sigmas}
        cost = replace(cost, setups=len(sizes - {local.patch_size(s) for s in levels}))
    return cost
