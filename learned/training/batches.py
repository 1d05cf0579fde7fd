"""The batch of each step as a function of (seed, step): nothing else is remembered, so any step can be redone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from ..._support import streams as _streams
from ..._support.shapes import per_row
from ...errors import ArgumentError, ShapeError
from ..data.images import ImageData
from ..networks.base import NetworkDenoiser
from .objective import stratified_uniforms

if TYPE_CHECKING:
    from .config import TrainConfig


class Batch(NamedTuple):
    """Clean and noised images, noise levels, and the condition where there is one."""

    clean: torch.Tensor
    noisy: torch.Tensor
    sigma: torch.Tensor
    condition: torch.Tensor | None


def condition_of(network: NetworkDenoiser, data: ImageData, condition: torch.Tensor | None) -> torch.Tensor | None:
    """The condition of every datum, `None` for an unconditional network."""
    config = network.config
    if config.shape != data.shape:
        raise ShapeError("data", f"has images of shape {data.shape}", f"pass {config.shape}, which the network takes")
    if not config.conditional:
        if condition is not None:
            raise ArgumentError("condition", "is given to an unconditional network", "build it with condition_dim")
        return None
    if condition is None:
        if data.labels is None or not config.n_classes:
            raise ArgumentError("condition", "is missing for a conditional network", "pass labels or condition=")
        condition = data.labels
    return network.condition.check(condition, len(data))


class Batches:
    """Draws of (seed, step) on the device. Images come in a new random order each epoch.

    All ranks draw the whole batch and keep their rows, so that the draws do not depend on the number of ranks.
    """

    def __init__(
        self,
        network: NetworkDenoiser,
        data: ImageData,
        config: TrainConfig,
        condition: torch.Tensor | None,
        device: torch.device,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        condition = condition_of(network, data, condition)
        self.config: TrainConfig = config
        self.device: torch.device = device
        self.images: torch.Tensor = data.images.to(device)
        self.condition: torch.Tensor | None = None if condition is None else condition.to(device)
        size = config.batch // world
        self.rows: slice = slice(rank * size, (rank + 1) * size)
        self._epoch, self._order = -1, torch.empty(0)

    def _stream(self, purpose: str, step: int) -> torch.Generator:
        return _streams.torch_stream(self.config.seed, purpose, step, device=self.device)

    def indices(self, step: int) -> torch.Tensor:
        """Which images make the batch of `step`."""
        start, count, n, pieces = step * self.config.batch, self.config.batch, len(self.images), []
        while count:
            epoch, offset = divmod(start, n)
            if epoch != self._epoch:
                order = _streams.stream(self.config.seed, "train order", epoch).permutation(n)
                self._epoch, self._order = epoch, torch.from_numpy(order).to(self.device)
            taken = min(count, n - offset)
            pieces.append(self._order[offset : offset + taken])
            start, count = start + taken, count - taken
        return torch.cat(pieces)

    def rows_of(self, share: int) -> slice:
        """The rows of this rank, or the first 1 / `share` of them."""
        size = self.rows.stop - self.rows.start
        return slice(self.rows.start, self.rows.start + max(1, size // share))

    def dropout_stream(self, step: int) -> torch.Generator:
        """Random numbers of the masks of dropout in `step`."""
        return self._stream("train dropout", step)

    def draw(self, step: int, share: int = 1) -> Batch:
        """The rows `rows_of(share)` of the batch of `step`."""
        total = self.config.batch
        rows = self.rows_of(share)
        chosen = self.indices(step)[rows]
        clean = self.images[chosen]
        sigma = self.config.noise.quantile(stratified_uniforms(total, self._stream("train sigma", step)))
        sigma = sigma[rows].to(clean.dtype)
        shape = (total, *clean.shape[1:])
        noise = torch.randn(shape, generator=self._stream("train noise", step), device=self.device)[rows]
        noisy = clean + per_row(sigma, clean) * noise
        return Batch(clean, noisy, sigma, self._conditions(chosen, step, rows))

    def _conditions(self, chosen: torch.Tensor, step: int, rows: slice) -> torch.Tensor | None:
        if self.condition is None:
            return None
        condition = self.condition[chosen]
        if self.config.condition_dropout == 0:
            return condition
        generator = self._stream("train condition", step)
        draws = torch.rand(self.config.batch, generator=generator, device=self.device)[rows]
        dropped = per_row(draws < self.config.condition_dropout, condition)
        return condition.masked_fill(dropped, -1 if not condition.is_floating_point() else torch.nan)
