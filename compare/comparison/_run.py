"""The work of a comparison in its order: plan, levels, each saved as it is done, one bar for all."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
import xarray as xr

from ..._support import progress
from ..._support.cost import Part, duration, read_duration
from ...theory.denoiser import Denoiser
from ._partial import Partial
from ._plan import BATCH, NETWORK, measured
from ._track import conditioned, joined, track_level
from .options import Comparison

Announce = Callable[[str], object]


@dataclass
class Run:
    """One network against its theories on several sets of images."""

    network: Denoiser
    theories: Mapping[str, Denoiser]
    null: Denoiser
    splits: Mapping[str, torch.Tensor]
    told: Mapping[str, torch.Tensor | None]  # what the network is told of each image
    config: Comparison
    partial: Partial
    own: tuple[str, ...] = ()  # names of the theories that only their answers tell apart
    announce: Announce | None = None
    started: float = field(default_factory=time.monotonic)
    show: bool | None = None
    after: Part | None = None  # what is done after the levels

    def prepare(self) -> None:
        """Plan, and leave out what the budget does not allow; an earlier start has settled it."""
        sigmas, images = self.config.sigmas, next(iter(self.splits.values()))
        labels = self.told[next(iter(self.splits))]
        known = {
            NETWORK: conditioned(self.network, labels, slice(1)),
            **{name: self.theories[name] for name in self.own},
        }
        if not self.partial.recognise(known, images[0], sigmas):
            self._warn("what was kept is of another network or theory: starting over")
        self.weights = dict.fromkeys((NETWORK, *self.theories), 1.0)
        settled = self.partial.choices()
        if self.announce is None and not self.config.budget and settled is None:
            return
        cost = measured(self.network, self.theories, images, self.config, labels)
        names, n = list(self.theories), max(map(len, self.splits.values()))
        if settled is not None:
            names, n = settled["theories"], settled["n_images"]
        elif self.config.budget:
            allowed = read_duration("budget", self.config.budget) - (time.monotonic() - self.started)
            allowed -= self.after.seconds if self.after is not None else 0.0
            kept, fewer = cost.within(names, n, allowed)
            if missing := [name for name in names if name not in kept]:
                self._warn(f"left out to keep {self.config.budget}: {', '.join(missing)}")
            if fewer < n:
                self._warn(f"{fewer} images of a kind instead of {n}, to keep {self.config.budget}")
            names, n = kept, fewer
        self.theories = {name: self.theories[name] for name in names}
        self.splits = {split: images[:n] for split, images in self.splits.items()}
        self.partial.settle({"theories": names, "n_images": n})
        plan = cost.plan(names, n)
        self.weights = {part.name: part.seconds / part.evaluations for part in plan.parts}
        if self.after is not None:
            plan = replace(plan, parts=(*plan.parts, self.after))
        prepared = duration(time.monotonic() - self.started)
        self._say(f"{plan}\n  (fits, patch sizes and probes before it took {prepared})")

    def tracks(self) -> list[xr.Dataset]:
        """`track` of every split, level by level."""
        sigmas, n_noise, seed = self.config.sigmas, self.config.n_noise, self.config.seed
        each = sum(self.weights.values()) * n_noise
        total = each * len(sigmas) * sum(map(len, self.splits.values()))
        done = kept = 0
        found: dict[str, list[xr.Dataset]] = {split: [] for split in self.splits}
        with progress.overall(total, "comparison", self.show) as bar:
            try:
                for index, sigma in enumerate(map(float, sigmas)):
                    for split, images in self.splits.items():
                        level = self.partial.level(split, index)
                        if level is None:
                            level = track_level(
                                self.network, self.theories, self.null, images, sigma,
                                n_noise=n_noise, seed=seed, batch_size=BATCH, told=self.told[split],
                                done=lambda name, n: bar.update(n * self.weights.get(name, 0.0)),
                            )  # fmt: skip
                            self.partial.keep(level, split, index)
                        else:
                            kept += 1
                            bar.skip(each * len(images))
                        done += 1
                        found[split].append(level)
            except KeyboardInterrupt:
                if self.partial.folder is not None:
                    self._say(
                        f"stopped; {done} of {len(sigmas) * len(self.splits)} levels are kept in {self.partial.folder}"
                    )
                raise
        if kept:
            self._say(f"{kept} levels were done before and are taken from {self.partial.folder}")
        self._complain(found)
        return [joined(found[split], images, n_noise, seed) for split, images in self.splits.items()]

    def _complain(self, found: Mapping[str, list[xr.Dataset]]) -> None:
        """Name the theories that gave no numbers, and where."""
        for name in self.theories:
            failed = {
                float(level.attrs["sigma"])
                for levels in found.values()
                for level in levels
                if bool(level.failed.sel(theory=name))
            }
            if failed:
                where = ", ".join(f"{sigma:.3g}" for sigma in sorted(failed))
                self._warn(f"'{name}' gave NaN or inf at sigma = {where}: its numbers are missing there")

    def _warn(self, text: str) -> None:
        """What must not pass without a word, whoever listens."""
        if self.announce is None:
            warnings.warn(text, stacklevel=5)
        self._say(text)

    def _say(self, text: str) -> None:
        if self.announce is not None:
            self.announce(text)
