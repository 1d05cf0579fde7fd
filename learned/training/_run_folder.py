"""A run on disk: config.json, stats.jsonl, weights.safetensors, state.safetensors, snapshots/, tensorboard/."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..._support import results as _results
from ..._support.types import FilePath, Record
from ...errors import ArgumentError, CheckpointError, IdealScoreError, MissingDependencyError
from .. import checkpoint
from .._tensor_files import read_tensors, write_tensors
from ..networks import EnsembleDenoiser, NetworkDenoiser
from .state import TrainingState


class RunFolder:
    """The files of one run. Every file is written whole; the log is cut back to the step that is resumed."""

    def __init__(self, path: FilePath, config: Record, tensorboard: bool = False) -> None:
        self.path: Path = Path(path)
        self.config: Record = config
        self.open_events = _events_writer() if tensorboard else None
        self.events: Any = None
        self._check_config()

    @property
    def state_path(self) -> Path:
        """The file of the training state."""
        return self.path / "state.safetensors"

    def _check_config(self) -> None:
        file = self.path / "config.json"
        if not file.exists():
            return
        try:
            found = dict(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):
            raise CheckpointError("run_dir", f"{file} is unreadable", "remove it or pass another folder") from None
        for part in ("network", "train", "data"):
            if found.get(part) != json.loads(json.dumps(self.config[part])):
                raise CheckpointError(
                    "run_dir",
                    f"{self.path} holds a run with another {part} configuration",
                    "pass another folder, or the same configuration to go on",
                )

    def restore(self, state: TrainingState) -> None:
        """Restore `state` from the last checkpoint, if there is one."""
        if not self.state_path.exists():
            return
        tensors, metadata = read_tensors(self.state_path)
        step = metadata.get("step")
        if not isinstance(step, int):
            raise CheckpointError("run_dir", f"{self.state_path} holds no training state", "pass another run folder")
        state.restore(tensors, step, self.state_path)

    def begin(self, step: int) -> list[Record]:
        """Write the configuration of a fresh run; cut the log back to `step` and return it."""
        if step == 0:
            text = json.dumps({**self.config, "provenance": _results.provenance()}, indent=2)
            _results.write_text(self.path / "config.json", text + "\n")
        log = self.path / "stats.jsonl"
        with _results.writing(log):
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        records = [record for record in map(_record, lines) if record and record["step"] <= step]
        _results.write_text(log, "".join(json.dumps(record) + "\n" for record in records))
        if self.open_events is not None:
            self.events = self.open_events(self.path / "tensorboard", purge_step=step + 1)
        return records

    def log(self, record: Record) -> None:
        """Append a record to the log."""
        with _results.writing(self.path), open(self.path / "stats.jsonl", "a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")
        if self.events is not None:
            for name, value in _scalars(record):
                self.events.add_scalar(name, value, record["step"])
            self.events.flush()

    def save(self, state: TrainingState, averaged: NetworkDenoiser | EnsembleDenoiser) -> None:
        """Write the averaged weights, then the state: what a resumed run takes for done is on disk."""
        self.save_network(self.path / "weights.safetensors", averaged, state.step)
        write_tensors(self.state_path, state.tensors(), {"step": state.step})

    def snapshot_path(self, step: int) -> Path:
        """The file of the snapshot at `step`."""
        return self.path / "snapshots" / f"step-{step:09d}.safetensors"

    def save_network(self, path: Path, network: NetworkDenoiser | EnsembleDenoiser, step: int) -> None:
        """Write a network with what is known of its training."""
        checkpoint.save(network, path, step=step, train=self.config["train"], data=self.config["data"])

    def snapshots(self, last: int) -> dict[int, Path]:
        """The snapshots up to step `last`; later ones are from before a kill and are made again."""
        files = sorted((self.path / "snapshots").glob("step-*.safetensors"))
        steps = {int(file.stem.removeprefix("step-")): file for file in files}
        return {step: file for step, file in steps.items() if step <= last}


def _record(line: str) -> Record | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("step"), int) else None


def run_folder(path: FilePath | None, config: Record, tensorboard: bool = False) -> RunFolder | None:
    """The folder of a run, or None for a run that is not kept."""
    if path is None and tensorboard:
        raise ArgumentError("tensorboard", "needs a run folder for its events", "pass run_dir")
    return None if path is None else RunFolder(path, config, tensorboard)


def steps_of(path: Path) -> int | None:
    """The number of steps that the run in a folder is meant to have; None where there is no readable run."""
    try:
        found = json.loads((path / "config.json").read_text(encoding="utf-8"))["train"]["steps"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found if isinstance(found, int) else None


def steps_done(path: Path) -> int:
    """The step of the last checkpoint in a folder; 0 where there is none."""
    try:
        step = read_tensors(path / "state.safetensors")[1].get("step")
    except (OSError, IdealScoreError):
        return 0
    return step if isinstance(step, int) else 0


def _events_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingDependencyError("tensorboard", "tensorboard") from None
    return SummaryWriter


def _scalars(record: Record) -> Iterator[tuple[str, float]]:
    """What a record says, by name; the losses of replicas under `losses/`."""
    for name, value in record.items():
        if name == "losses":
            yield from ((f"losses/{i}", loss) for i, loss in enumerate(value))
        elif name != "step":
            yield name, value
