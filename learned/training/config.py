"""The configuration of a training run."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields

import numpy as np

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import Record
from ...errors import UnknownNameError
from .noise_levels import LogNormal, Noise, noise_from_dict, noise_to_dict
from .objective import WEIGHTINGS

NUMERICS = ("float32", "bfloat16")
DECAYS = ("constant", "linear", "cosine")


@typed
@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults follow [@Karras2022] with the power-function average of [@Karras2024].

    Parameters
    ----------
    steps : int
        Number of updates.
    batch : int
        Number of images in each, over all ranks.
    learning_rate : float
        The largest one, after `warmup`.
    warmup : int
        Number of steps over which the learning rate rises linearly.
    decay : {"constant", "linear", "cosine"}
        How it falls to zero afterwards, if at all.
    weight_decay : float
        Decay of the weights in AdamW.
    betas : tuple of float
        Memories of the two moments in AdamW, each below 1.
    clip : float
        Largest norm of the gradient, 0 for none.
    ema : float
        Width of the weight average relative to the time so far, 0 (no average) to 0.28.
    noise : LogNormal, LogUniform, Levels or Steps
        Distribution of the noise level.
    weighting : {"output", "x0", "noise"}
        Weight of the squared error of D: 1 / c_out^2 (the plain error of the raw network), 1, or 1 / sigma^2 (the error
        of the noise).
    condition_dropout : float
        Share of conditions that are dropped, 0 to 1.
    seed : int
        Seed of all random streams.
    snapshots : int
        Number of log-spaced steps whose averaged weights are kept.
    log_every : int
        Steps between two records of the log.
    checkpoint_every : int
        Steps between two checkpoints in the run folder.
    precision : {"float32", "bfloat16"}
        Arithmetic of the network; bfloat16 is autocast.
    compile : bool
        Whether to use torch.compile.
    channels_last : bool
        Memory layout of images.

    Raises
    ------
    ArgumentError
        On a number outside its range.
    UnknownNameError
        On an unknown decay, weighting or precision.

    Examples
    --------
    >>> TrainConfig(steps=500, ema=0.0)
    TrainConfig(steps=500, batch=128, learning_rate=0.001, ema=0.0)
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
        object.__setattr__(self, "betas", check.plain(self.betas))
        for beta in self.betas:
            check.real("betas", beta, 0.0, 1 - 1e-9)
        check.choice("decay", self.decay, DECAYS)
        check.choice("weighting", self.weighting, WEIGHTINGS)
        check.choice("precision", self.precision, NUMERICS)

    def __repr__(self) -> str:
        """Steps, batch, learning rate, and whatever is not at its default."""
        shown = ("steps", "batch", "learning_rate")
        usual = type(self)()
        given = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        text = [f"{n}={v!r}" for n, v in given.items() if n in shown or v != getattr(usual, n)]
        return f"TrainConfig({', '.join(text)})"

    def to_dict(self) -> Record:
        """Plain data, from which `from_dict` makes an equal configuration.

        Returns
        -------
        dict
            Every option by name; `noise` as a dict with its "kind".
        """
        return {**asdict(self), "betas": list(self.betas), "noise": noise_to_dict(self.noise)}

    @classmethod
    def from_dict(cls, description: Record) -> TrainConfig:
        """The configuration that `to_dict` described.

        Parameters
        ----------
        description : dict
            Options by name; those that are missing are at their defaults.

        Returns
        -------
        TrainConfig
            An equal configuration.

        Raises
        ------
        UnknownNameError
            On an unknown option or kind of noise.

        Examples
        --------
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
        """The learning rate of one update.

        Parameters
        ----------
        step : int
            1 ... steps.

        Returns
        -------
        float
            The rate.
        """
        rate = self.learning_rate * min(1.0, step / max(1, self.warmup))
        if self.decay == "constant" or step <= self.warmup:
            return rate
        done = (step - self.warmup) / (self.steps - self.warmup + 1)
        return rate * ((1 - done) if self.decay == "linear" else (1 + math.cos(math.pi * done)) / 2)

    def snapshot_steps(self) -> list[int]:
        """Log-spaced steps from 1 to `steps`, each once; a single one is the last.

        Returns
        -------
        list of int
            In increasing order; fewer than `snapshots` where several round to one.

        Examples
        --------
        >>> TrainConfig(steps=1000, snapshots=4).snapshot_steps()
        [1, 10, 100, 1000]
        """
        return sorted({round(step) for step in np.geomspace(self.steps, 1, self.snapshots)})
