"""Posterior sums over data that are held in parts: by other processes, or on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import reduce

import torch

from .point_sets import ArrayCloud, Cloud, Query
from .weighted_sums import WeightedSums, safe_norm, scaled_gap, tie_width


def part_query(query: Query, whole: Cloud, part: Cloud) -> Query:
    """The rows of `query`, which are relative to the centre of the whole, relative to that of a part."""
    shift = whole.centre - part.centre
    x = query.x + shift
    anchor = None if query.anchor is None else query.anchor + shift
    return replace(query, x=x, norm=safe_norm(x), anchor=anchor)


def part_sums(
    query: Query, whole: Cloud, part: Cloud, columns: slice | torch.Tensor = slice(None), cross: bool = False
) -> WeightedSums:
    """The sums over a part, their moments relative to the centre of the whole."""
    sums = part.sums(part_query(query, whole, part), columns, cross)
    shift = (part.centre - whole.centre)[columns]
    return replace(sums, moment=sums.moment + sums.tilt.unsqueeze(1) * shift, scale=query.scale)


def relative_to(
    sums: WeightedSums, energy: torch.Tensor, highest: Callable[[torch.Tensor], torch.Tensor]
) -> WeightedSums:
    """`sums` relative to the lowest energy of all parts and to their largest weight, which `highest` finds."""
    gap = sums.energy - energy
    tied = (gap <= tie_width(energy, sums.scale)) | (sums.energy == energy)
    level = sums.peak + scaled_gap(gap.masked_fill(tied, 0), sums.rate)
    peak = highest(level)
    return replace(sums._rescaled(level - peak), energy=energy, peak=peak)


class BlocksCloud(Cloud):
    """A cloud whose points come in blocks, one at a time, from a function that starts a new pass over them."""

    def __init__(
        self,
        passes: Callable[[], Iterable[tuple[slice, torch.Tensor]]],
        n: int,
        centre: torch.Tensor,
        dtype: torch.dtype,
        prior: torch.Tensor | None = None,
    ) -> None:
        log_prior = None if prior is None else prior.log()
        super().__init__(n, centre, dtype, None if log_prior is None else log_prior[log_prior.isfinite()])
        self.passes, self.log_weights = passes, log_prior

    def parts(self) -> Iterator[tuple[torch.Tensor, ArrayCloud]]:
        """One pass over the data: the indices of each block and the block as a cloud of its own."""
        for rows, block in self.passes():
            index, log_prior = torch.arange(rows.start, rows.stop, device=block.device), None
            if self.log_weights is not None:
                kept = self.log_weights[rows].isfinite()
                index, block, log_prior = index[kept], block[kept], self.log_weights[rows][kept]
            if len(block):
                part = ArrayCloud(block, log_prior, self.centre)
                part.window = self.window
                yield index, part

    def sums(self, query: Query, columns: slice | torch.Tensor = slice(None), cross: bool = False) -> WeightedSums:
        return reduce(WeightedSums.merge, (part_sums(query, self, part, columns, cross) for _, part in self.parts()))

    def weights(self, query: Query) -> torch.Tensor:
        dense, found = query.x.new_zeros(query.x.shape[0], self.n), []
        for index, part in self.parts():
            dense[:, index] = part.weights(part_query(query, self, part))
            found.append((index, part_sums(query, self, part)))
        whole = reduce(WeightedSums.merge, (sums for _, sums in found))
        for index, sums in found:
            dense[:, index] *= share(sums, whole).unsqueeze(1)
        return dense


def share(part: WeightedSums, whole: WeightedSums) -> torch.Tensor:
    """The posterior weight of a part of the data."""
    return relative_to(part, whole.energy, lambda level: whole.peak).total / whole.total


def centre_of(blocks: Iterable[tuple[slice, torch.Tensor]], k: int) -> tuple[torch.Tensor, int]:
    """(mean, number of points) over blocks, in float64."""
    total, count = torch.zeros(k, dtype=torch.float64), 0
    for _, block in blocks:
        part = torch.stack([rows.double().sum(0) for rows in block.split(4096)]).sum(0)
        total, count = total.to(part.device) + part, count + len(block)
    return total / max(count, 1), count
