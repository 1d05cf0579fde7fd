"""Networks for the figures on hierarchies: one recipe, so that the figures differ in the number of strings alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..._support.streams import stream_seed
from ...learned.networks.hierarchy import HierarchyNet
from ...learned.training import Training, train
from ...learned.training.config import TrainConfig
from ...learned.training.masked import train_masked
from ...learned.training.noise_levels import LogNormal, LogUniform, Noise
from ...simulate.diffusion import noised
from ...simulate.hierarchy import sample
from ...theory.belief_propagation.channels import one_hot
from ...theory.grammar import Grammar

NOISE = LogUniform(0.15, 4.0)
NEAR_TRANSITION = LogNormal(-0.6, 0.5)  # where a network is furthest from the exact posterior


@dataclass(frozen=True)
class Recipe:
    """A grammar, the network that learns it, and for how long."""

    v: int
    m: int
    s: int
    depth: int
    width: int
    steps: int
    batch: int = 128
    learning_rate: float = 1e-2
    noise: Noise = NOISE

    def grammar(self, seed: int) -> Grammar:
        return Grammar.random(self.v, self.m, self.s, self.depth, seed=seed)

    def strings(self, n: int, seed: int) -> np.ndarray:
        """The training strings; for one seed the smaller sets are contained in the larger."""
        return sample(self.grammar(seed), n, stream_seed(seed, "figure strings"))[0]

    def train(self, n: int, seed: int, channel: str = "gaussian", snapshots: int = 0) -> Training:
        """A network trained on `n` strings; every step meets them under fresh noise."""
        data = one_hot(self.strings(n, seed), self.v, torch.float32)
        network = HierarchyNet((self.s**self.depth, self.v), s=self.s, width=self.width, seed=seed)
        options: dict[str, Any] = {"steps": self.steps, "batch": self.batch, "learning_rate": self.learning_rate}
        config = TrainConfig(**options, warmup=50, noise=self.noise, weighting="x0", snapshots=snapshots, seed=seed)
        return (train if channel == "gaussian" else train_masked)(network, data, config)

    def held_out_error(self, network: Any, seed: int, n: int = 512) -> float:
        """Denoising error on fresh strings, by which training is stopped before it memorises."""
        strings = sample(self.grammar(seed), n, stream_seed(seed, "figure held out"))[0]
        clean = one_hot(strings, self.v)
        sigma = NOISE.quantile((torch.arange(n, dtype=torch.float64) + 0.5) / n)
        with torch.no_grad():
            return float((network(noised(clean, sigma, seed), sigma) - clean).square().mean())
