"""The training loop, for one network or a stack of replicas: step, record, keep."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from ..._support import progress as _progress
from ..._support.files.lock import held
from ..._support.types import FilePath, Record
from ...errors import ArgumentError, TrainingError
from . import _ranks, objective
from ._run_folder import RunFolder, run_folder
from .batches import Batches
from .config import TrainConfig
from .state import TrainingState


class Loop:
    """Trains `model`, a NetworkDenoiser or an EnsembleDenoiser, in place.

    One `Batches` per replica gives the draws; losses are `(batch,)`, or `(replicas, batch)` for a stack, whose
    replicas meet nowhere: not in the loss, not in the clipping, not in the optimiser.
    """

    def __init__(
        self,
        model: Any,
        batches: list[Batches],
        config: TrainConfig,
        description: Record,
        run_dir: FilePath | None,
        tensorboard: bool = False,
    ) -> None:
        self.model: Any = model.train().requires_grad_(True)
        self.config: TrainConfig = config
        self.batches: list[Batches] = batches
        self.stacked: bool = hasattr(model, "replicas")
        self.device: torch.device = batches[0].device
        self.rank: int
        self.world: int
        self.clock: float
        self.logged: int
        self.rank, self.world = _ranks.ranks(self.device)
        self.denoise: Callable[..., torch.Tensor] = torch.compile(model.denoise) if config.compile else model.denoise
        parameters = dict(model.named_parameters())
        self.state: TrainingState = TrainingState(
            parameters, config.betas, config.weight_decay, config.ema, self.stacked
        )
        self.folder: RunFolder | None = run_folder(run_dir, description, tensorboard and self.rank == 0)
        self.pending: list[torch.Tensor] = []
        self.history: list[Record] = []
        self.kept: dict[int, Any] = {}

    def run(self, show: bool | None, done: Callable[[int], object] = lambda steps: None) -> None:
        """Train to the last step, from the last checkpoint where there is one; `done(k)` hears of every k steps."""
        with nullcontext() if self.folder is None or self.rank else held(self.folder.path):
            self._run(show, done)

    def _run(self, show: bool | None, done: Callable[[int], object]) -> None:
        config, state = self.config, self.state
        self._begin()
        wanted = set(config.snapshot_steps())
        with _progress.overall(config.steps, "train", show if self.rank == 0 else False) as bar:
            bar.skip(state.step)
            done(state.step)
            self.clock, self.logged = time.monotonic(), state.step
            while state.step < config.steps:
                self._step()
                save = state.step % config.checkpoint_every == 0 or state.step == config.steps
                if save or state.step in wanted or state.step % config.log_every == 0:
                    self._record(bar)
                if state.step in wanted:
                    self._keep_snapshot()
                if save and self.folder is not None and self.rank == 0:
                    self.folder.save(state, self.averaged())
                bar.update()
                done(1)
        _ranks.wait(self.world)

    @torch.no_grad()
    def averaged(self) -> Any:
        """A copy of the model for use, with the averaged weights."""
        twin = copy.deepcopy(self.model)
        for name, parameter in twin.named_parameters():
            parameter.copy_(self.state.average[name])
        twin.seed_dropout(None)
        return twin.eval().requires_grad_(False)

    def _begin(self) -> None:
        if self.folder is None:
            return
        self.folder.restore(self.state)
        _ranks.wait(self.world)
        self.kept.update(self.folder.snapshots(self.state.step))
        if self.rank == 0:
            self.history = self.folder.begin(self.state.step)
        _ranks.wait(self.world)

    def _keep_snapshot(self) -> None:
        step = self.state.step
        if self.folder is None:
            self.kept[step] = self.averaged()
        else:
            self.kept[step] = self.folder.snapshot_path(step)
            if self.rank == 0:
                self.folder.save_network(self.kept[step], self.averaged(), step)

    def _step(self) -> None:
        step = self.state.step
        try:
            losses, sigma = self._losses(step)
            losses.mean(dim=-1).sum().backward()
        except (RuntimeError, MemoryError) as error:
            if not _out_of_memory(error):
                raise
            raise TrainingError(self._too_large(step)) from error
        _ranks.average_gradients(self.model.parameters(), self.world)
        norm = self.state.advance(self.config.learning_rate_at(step + 1), self.config.clip)
        losses = losses.detach()
        worst = torch.where(losses.isfinite(), torch.zeros_like(sigma), sigma).amax(dim=-1)
        parts = (losses.mean(dim=-1), norm.to(losses), worst)
        self.pending.append(torch.stack([part.reshape(-1) for part in parts]))

    def _losses(self, step: int, share: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        clean, noisy, sigma, condition = self._draw(step, share)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            denoised = self.denoise(noisy, sigma, condition)
        weight = objective.weights(self.config.weighting, self.model.preconditioning, sigma)
        return objective.sample_losses(denoised, clean, weight), sigma

    def _draw(self, step: int, share: int) -> tuple[Any, ...]:
        if not self.stacked:
            if getattr(self.model.config, "dropout", 0):
                rows, total = self.batches[0].rows_of(share), self.config.batch
                self.model.seed_dropout(self.batches[0].dropout_stream(step), total, rows)
            return self.batches[0].draw(step, share)
        draws = zip(*(batches.draw(step, share) for batches in self.batches), strict=True)
        return tuple(None if part[0] is None else torch.stack(part) for part in draws)

    def _record(self, bar: Any) -> None:
        """Write what happened since the last record; stop where something was not finite."""
        if not self.pending:
            return
        table = torch.stack(self.pending).double()
        means = (_ranks.sum_over_ranks(table.clone(), self.world) / self.world).cpu()
        for i, step in enumerate(range(self.state.step - len(means) + 1, self.state.step + 1)):
            if not bool(means[i, :2].isfinite().all()):
                broken = int((~means[i, :2].isfinite()).any(dim=0).nonzero()[0])
                raise TrainingError(self._not_finite(step, broken, float(table[i, 2, broken])))
        now = time.monotonic()
        images = (self.state.step - self.logged) * self.config.batch * means.shape[2]
        record: Record = {
            "step": self.state.step,
            "loss": float(means[:, 0].mean()),
            "gradient_norm": float(means[:, 1].mean()),
            "learning_rate": self.config.learning_rate_at(self.state.step),
            "images_per_second": images / max(now - self.clock, 1e-9),
        }
        if self.stacked:
            record["losses"] = means[:, 0].mean(dim=0).tolist()
        self.pending, self.clock, self.logged = [], now, self.state.step
        self.history.append(record)
        bar.note(f"loss {record['loss']:.4f}, {record['images_per_second']:.0f} images/s")
        if self.folder is not None and self.rank == 0:
            self.folder.log(record)

    def _not_finite(self, step: int, replica: int, sigma: float) -> str:
        where = f" at noise level sigma = {sigma:.3g}" if sigma else ""
        which = f" of replica {replica}" if self.stacked else ""
        kept = "" if self.folder is None else f"; the last good checkpoint is in {self.folder.path}"
        remedy = "lower learning_rate, raise warmup, narrow the noise distribution, or rescale data"
        return f"loss or gradient{which} is not finite in step {step}{where}{kept}; {remedy}"

    def _too_large(self, step: int) -> str:
        """The message for a batch beyond the memory, with the largest halving of it that works."""
        share = 2
        while self.config.batch // self.world >= share:
            self.model.zero_grad(set_to_none=True)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            try:
                self._losses(step, share)[0].mean().backward()
            except (RuntimeError, MemoryError) as error:
                if not _out_of_memory(error):
                    raise
                share *= 2
            else:
                return f"memory ran out with batch {self.config.batch}; a batch of {self.config.batch // share} fits"
        return f"memory ran out with batch {self.config.batch}, and one image does not fit either; shrink the network"


def _out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return "can't allocate memory" in str(error).lower()


def join_ranks(config: TrainConfig, device: torch.device) -> tuple[torch.device, int, int]:
    """(device of this rank, rank, ranks), refused where the batch cannot be shared evenly."""
    rank, world = _ranks.ranks(device)
    if config.batch % world:
        raise ArgumentError("batch", f"{config.batch} is not a multiple of the {world} ranks", "pass one that is")
    return _ranks.local_device(device, world), rank, world


def folder_path(run_dir: FilePath | None) -> Path | None:
    """The run folder as a path."""
    return None if run_dir is None else Path(run_dir)
