"""Posterior sums over data that are held in parts: by other processes, or on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import torch

from .point_sets import PointSet, Query
from .weighted_sums import WeightedSums, safe_norm, scaled_gap, tie_width


def part_query(query: Query, whole: PointSet, part: PointSet) -> Query:
    """The rows of `query`, which are relative to the centre of the whole, relative to that of a part."""
    shift = whole.centre - part.centre
    x = query.x + shift
    return replace(query, x=x, norm=safe_norm(x))


def part_sums(
    query: Query, whole: PointSet, part: PointSet, columns: slice | torch.Tensor = slice(None), cross: bool = False
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
    return replace(sums._rescaled(level - peak), energy=energy, peak=peak)  # noqa: SLF001


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
