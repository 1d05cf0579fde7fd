"""The configuration of a training run."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from ..._support import checks as check
from ...errors import UnknownNameError
from .noise_levels import LogNormal, Noise, noise_from_dict, noise_to_dict
from .objective import WEIGHTINGS

NUMERICS = ("float32", "bfloat16")
DECAYS = ("constant", "linear", "cosine")


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults follow [@Karras2022] with the power-function average of [@Karras2024].

    steps, batch: number of updates and of images in each (over all ranks). learning_rate, warmup, decay: linear
    rise over `warmup` steps, then "constant", "linear" or "cosine" to zero. weight_decay, betas: of AdamW. clip:
    largest norm of the gradient, 0 for none. ema: width of the weight average relative to the time so far, 0 for
    none. noise, weighting: see `objective`. condition_dropout: share of conditions that are dropped. snapshots:
    number of log-spaced steps whose averaged weights are kept. log_every, checkpoint_every: steps. precision:
    "float32" or "bfloat16" (autocast). compile: torch.compile. channels_last: memory layout of images.
    """

    steps: int = 2000
    batch: int = 128
    learning_rate: float = 1e-3
    warmup: int = 100
    decay: str = "cosine"
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0
    ema: float = 0.1
    noise: Noise = field(default_factory=LogNormal)
    weighting: str = "output"
    condition_dropout: float = 0.0
    seed: int = 0
    snapshots: int = 0
    log_every: int = 50
    checkpoint_every: int = 500
    precision: str = "float32"
    compile: bool = False
    channels_last: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "log_every", "checkpoint_every"):
            check.integer(name, getattr(self, name), 1)
        for name in ("warmup", "snapshots", "seed"):
            check.integer(name, getattr(self, name), 0)
        for name in ("learning_rate", "weight_decay", "clip"):
            check.real(name, getattr(self, name), 0.0)
        check.real("condition_dropout", self.condition_dropout, 0.0, 1.0)
        check.real("ema", self.ema, 0.0, 0.28)
        for beta in self.betas:
            check.real("betas", beta, 0.0, 1 - 1e-9)
        check.choice("decay", self.decay, DECAYS)
        check.choice("weighting", self.weighting, WEIGHTINGS)
        check.choice("precision", self.precision, NUMERICS)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, from which `from_dict` makes an equal configuration."""
        return {**asdict(self), "betas": list(self.betas), "noise": noise_to_dict(self.noise)}

    @classmethod
    def from_dict(cls, description: dict[str, Any]) -> TrainConfig:
        """The configuration that `to_dict` described.

        >>> config = TrainConfig(steps=10)
        >>> TrainConfig.from_dict(config.to_dict()) == config
        True
        """
        options = dict(description)
        for name in options:
            if name not in (known := [entry.name for entry in fields(cls)]):
                raise UnknownNameError("train", name, known)
        if "noise" in options:
            options["noise"] = noise_from_dict(options["noise"])
        if "betas" in options:
            options["betas"] = tuple(options["betas"])
        return cls(**options)

    def learning_rate_at(self, step: int) -> float:
        """The rate of update `step` = 1 ... steps."""
        rate = self.learning_rate * min(1.0, step / max(1, self.warmup))
        if self.decay == "constant" or step <= self.warmup:
            return rate
        done = (step - self.warmup) / (self.steps - self.warmup + 1)
        return rate * ((1 - done) if self.decay == "linear" else (1 + math.cos(math.pi * done)) / 2)

    def snapshot_steps(self) -> list[int]:
        """Log-spaced steps from 1 to `steps`, each once; a single one is the last.

        >>> TrainConfig(steps=1000, snapshots=4).snapshot_steps()
        [1, 10, 100, 1000]
        """
        return sorted({round(step) for step in np.geomspace(self.steps, 1, self.snapshots)})
