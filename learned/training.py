"""Training a denoiser: one call, resumable at any step, the same bits every time on the CPU."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import _checks as check
from .. import _progress
from ..errors import ArgumentError, TrainingError, UnknownNameError
from . import _ranks, checkpoint, objective
from ._batches import Batches
from ._network import NetworkDenoiser
from ._run_folder import RunFolder, averaged_copy
from ._state import TrainingState
from .data import ImageData
from .objective import LogNormal, Noise

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
        check.choice("weighting", self.weighting, objective.WEIGHTINGS)
        check.choice("precision", self.precision, NUMERICS)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, from which `from_dict` makes an equal configuration."""
        return {**asdict(self), "betas": list(self.betas), "noise": objective.noise_to_dict(self.noise)}

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
            options["noise"] = objective.noise_from_dict(options["noise"])
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
        """Log-spaced steps from 1 to `steps`, each once.

        >>> TrainConfig(steps=1000, snapshots=4).snapshot_steps()
        [1, 10, 100, 1000]
        """
        return sorted({round(step) for step in np.geomspace(1, self.steps, self.snapshots)})


class Snapshots(Mapping[int, NetworkDenoiser]):
    """The networks at the kept steps, each loaded when asked for."""

    def __init__(self, kept: dict[int, Path | NetworkDenoiser]) -> None:
        self._kept = dict(sorted(kept.items()))

    def __getitem__(self, step: int) -> NetworkDenoiser:
        kept = self._kept[step]
        return checkpoint.load(kept) if isinstance(kept, Path) else kept

    def __iter__(self) -> Iterator[int]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


@dataclass(frozen=True, eq=False)
class Training:
    """What training gives: the averaged network, the log (one record per `log_every` steps) and the snapshots."""

    network: NetworkDenoiser
    history: list[dict[str, float]]
    snapshots: Snapshots
    run_dir: Path | None = None


def train(
    network: NetworkDenoiser,
    data: ImageData | torch.Tensor,
    config: TrainConfig | None = None,
    run_dir: str | os.PathLike | None = None,
    *,
    condition: torch.Tensor | None = None,
    device: str | torch.device | None = None,
    show: bool | None = None,
) -> Training:
    """Train a copy of `network` to denoise `data`; `network` itself is left as it is.

    Minimises E w(sigma) |D(x0 + sigma n, sigma) - x0|^2 / d over the noise distribution and the weighting of
    `config` [@Karras2022]. With `run_dir`, everything is kept there and the same call goes on where a killed one
    stopped; on the CPU the result is the same bit for bit. `condition` is (n, k) for a network with
    `condition_dim`; labels of `data` serve one with `n_classes`. Under `torchrun` the batch is shared by the
    ranks. `show` forces the progress bar on or off.

    Raises ShapeError or ArgumentError where data and network do not fit, CheckpointError where `run_dir` holds
    another run, TrainingError where the loss is not finite (the last good checkpoint stays) or memory runs out.

    >>> from idealscore.learned.networks import MLPDenoiser
    >>> points = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    >>> trained = train(MLPDenoiser((2,), width=8, depth=1), points, TrainConfig(steps=3, batch=4))
    >>> trained.network(points, 1.0).shape, trained.history[-1]["step"]
    (torch.Size([2, 2]), 3)
    """
    return _Trainer(network, data, config or TrainConfig(), run_dir, condition, device).run(show)


class _Trainer:
    def __init__(self, network, data, config: TrainConfig, run_dir, condition, device) -> None:
        import copy

        self.config = config
        self.device = torch.device(device) if device is not None else network.device
        self.rank, self.world = _ranks.ranks(self.device)
        if config.batch % self.world:
            raise ArgumentError("batch", f"is {config.batch}", f"pass a multiple of {self.world} ranks")
        data = data if isinstance(data, ImageData) else ImageData(data)
        layout = torch.channels_last if config.channels_last else torch.preserve_format
        self.network = copy.deepcopy(network).to(self.device, memory_format=layout).requires_grad_(True)
        self.network.train()
        self.batches = Batches(self.network, data, config, condition, self.device, self.rank, self.world)
        self.denoise = torch.compile(self.network.denoise) if config.compile else self.network.denoise
        self.state = TrainingState(self.network, config.betas, config.weight_decay, config.ema)
        description = {"network": network.describe(), "train": config.to_dict(), "data": data.describe()}
        self.folder = None if run_dir is None else RunFolder(run_dir, description)
        self.pending: list[torch.Tensor] = []
        self.history: list[dict[str, float]] = []

    def run(self, show: bool | None) -> Training:
        self._begin()
        config, wanted = self.config, set(self.config.snapshot_steps())
        kept: dict[int, Path | NetworkDenoiser] = {}
        if self.folder is not None:
            kept.update(self.folder.snapshots(self.state.step))
        with _progress.bar(total=config.steps, label="train", show=show if self.rank == 0 else False) as bar:
            bar.update(self.state.step)
            self.clock, self.logged = time.monotonic(), self.state.step
            while self.state.step < config.steps:
                self._step()
                step = self.state.step
                save = step % config.checkpoint_every == 0 or step == config.steps
                if save or step in wanted or step % config.log_every == 0:
                    self._record(bar)
                if step in wanted:
                    averaged = averaged_copy(self.network, self.state.average)
                    kept[step] = averaged if self.folder is None else self._write_snapshot(averaged, step)
                if save and self.folder is not None and self.rank == 0:
                    self.folder.save(self.state, averaged_copy(self.network, self.state.average))
                bar.update()
        _ranks.wait(self.world)
        averaged = averaged_copy(self.network, self.state.average)
        return Training(averaged, self.history, Snapshots(kept), self.folder and self.folder.path)

    def _begin(self) -> None:
        if self.folder is None:
            return
        self.history = self.folder.resume(self.state) if self.rank == 0 or self.folder.state_path.exists() else []
        if self.rank == 0 and self.state.step == 0:
            self.folder.start()
        _ranks.wait(self.world)

    def _write_snapshot(self, averaged: NetworkDenoiser, step: int) -> Path:
        assert self.folder is not None
        path = self.folder.path / "snapshots" / f"step-{step:09d}.safetensors"
        return self.folder.save_snapshot(averaged, step) if self.rank == 0 else path

    def _step(self) -> None:
        step = self.state.step
        try:
            losses, sigma = self._losses(step)
            losses.mean().backward()
        except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
            if not _out_of_memory(error):
                raise
            raise TrainingError(self._too_large(step)) from error
        _ranks.average_gradients(self.network.parameters(), self.world)
        norm = self.state.advance(self.config.learning_rate_at(step + 1), self.config.clip)
        losses = losses.detach()
        worst = torch.where(losses.isfinite(), torch.zeros_like(sigma), sigma).max()
        self.pending.append(torch.stack([losses.mean(), norm.to(losses), worst.to(losses)]))

    def _losses(self, step: int, share: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        batch = self.batches.draw(step, share)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            denoised = self.denoise(batch.noisy, batch.sigma, batch.condition)
        weight = objective.weights(self.config.weighting, self.network, batch.sigma)
        return objective.sample_losses(denoised, batch.clean, weight), batch.sigma

    def _record(self, bar: Any) -> None:
        """Write what happened since the last record; stop where something was not finite."""
        if not self.pending:
            return
        table = torch.stack(self.pending).double()
        means = (_ranks.sum_over_ranks(table.clone(), self.world) / self.world).cpu().numpy()
        worst = table[:, 2].cpu().numpy()
        first = self.state.step - len(means) + 1
        for i, (loss, norm, _) in enumerate(means):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise TrainingError(self._not_finite(first + i, worst[i]))
        now = time.monotonic()
        speed = (self.state.step - self.logged) * self.config.batch / max(now - self.clock, 1e-9)
        record = {
            "step": self.state.step,
            "loss": float(means[:, 0].mean()),
            "gradient_norm": float(means[:, 1].mean()),
            "learning_rate": self.config.learning_rate_at(self.state.step),
            "images_per_second": speed,
        }
        self.pending, self.clock, self.logged = [], now, self.state.step
        self.history.append(record)
        bar.set_postfix_str(f"loss {record['loss']:.4f}, {speed:.0f} images/s")
        if self.folder is not None and self.rank == 0:
            self.folder.log(record)

    def _not_finite(self, step: int, sigma: float) -> str:
        where = f" at noise level sigma = {sigma:.3g}" if sigma else ""
        kept = "" if self.folder is None else f"; the last good checkpoint is in {self.folder.path}"
        remedy = "lower learning_rate, raise warmup, or narrow the noise distribution"
        return f"loss or gradient is not finite in step {step}{where}{kept}; {remedy}"

    def _too_large(self, step: int) -> str:
        """The message for a batch beyond the memory, with the largest halving of it that works."""
        share = 2
        while self.config.batch // self.world >= share:
            self.network.zero_grad(set_to_none=True)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            try:
                self._losses(step, share)[0].mean().backward()
            except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
                if not _out_of_memory(error):
                    raise
                share *= 2
            else:
                fits = self.config.batch // share
                return f"memory ran out with batch {self.config.batch}; a batch of {fits} fits"
        return f"memory ran out with batch {self.config.batch}, and one image does not fit either; shrink the network"


def _out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in text
