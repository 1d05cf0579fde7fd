"""Training with every class equally often in each batch."""

from __future__ import annotations

from dataclasses import dataclass

from ..._support import checks as check
from ..._support.typed import typed
from ...learned.training.config import TrainConfig


@typed
@dataclass(frozen=True)
class EvenConfig(TrainConfig):
    """A training configuration whose networks are kept at even intervals.

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
        Of AdamW.
    betas : tuple of float
        Of AdamW.
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
        Of all random streams.
    snapshots : int
        Number of log-spaced steps whose averaged weights are kept.
    log_every : int
        Steps between two records of the log.
    checkpoint_every : int
        Steps between two checkpoints in the run folder.
    precision : {"float32", "bfloat16"}
        Of the network; bfloat16 is autocast.
    compile : bool
        Whether to use torch.compile.
    channels_last : bool
        Memory layout of images.
    every : int
        Steps from one kept network to the next, between 1 and `steps`.

    Raises
    ------
    ArgumentError
        For an interval outside that range, and as `TrainConfig` does.

    Examples
    --------
    >>> EvenConfig(steps=100, every=30).snapshot_steps()
    [30, 60, 90]
    """

    every: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        check.integer("every", self.every, 1, self.steps)

    def snapshot_steps(self) -> list[int]:
        """The steps at which networks are kept.

        Returns
        -------
        list of int
            every, 2 every, ... up to the last step.
        """
        return list(range(self.every, self.steps + 1, self.every))
