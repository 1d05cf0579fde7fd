"""What the passes of belief propagation hand on: evidence, messages, and the few operations on their columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from ..._support.transforms import asks
from ..._support.types import ArrayLike
from .._streamed import rowwise
from .arithmetic import Logarithmic, Plain

Times = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Prior = ArrayLike | None
Arithmetic = type[Plain] | type[Logarithmic]
Result = tuple[list[torch.Tensor], torch.Tensor]
Rescaled = tuple[torch.Tensor, torch.Tensor]
Work = Callable[..., Result]


class Evidence(NamedTuple):
    """A likelihood, or its logarithm, as (v, leaves, batch)."""

    values: torch.Tensor
    log: bool


class Upward(NamedTuple):
    """The upward pass: `messages[l]` is (n_symbols, nodes * batch) for level l, `log_scale` (batch,) is what was
    divided out, `lost` (batch,) the logarithm of how much an underflow can have grown next to the largest entries."""

    messages: list[torch.Tensor]
    log_scale: torch.Tensor
    lost: torch.Tensor


def all_but_one(times: Times, factors: list[torch.Tensor], start: torch.Tensor) -> list[torch.Tensor]:
    """start x the product of all factors except the i-th, for each i."""
    before = [start]
    for factor in factors[:-1]:
        before.append(times(before[-1], factor))
    products, after = [before[-1]], factors[-1]
    for i in range(len(factors) - 2, -1, -1):
        products.append(times(before[i], after))
        after = times(after, factors[i]) if i else after
    return products[::-1]


def left_to_right(depth: int, s: int) -> torch.Tensor:
    """Where the passes keep the i-th node from the left: the first children of all parents come first, and so on."""
    stored = torch.zeros(1, dtype=torch.long)
    for _ in range(depth):
        stored = (stored[:, None] + len(stored) * torch.arange(s)).flatten()
    return stored


def summed(scale: torch.Tensor, batch: int) -> torch.Tensor:
    """The sum over the nodes of (nodes * batch,), as (batch,)."""
    return scale.view(-1, batch).sum(0)


def least(scale: torch.Tensor, batch: int) -> torch.Tensor:
    """The least over the nodes of (nodes * batch,), as (batch,), a constant to autograd."""
    return scale.detach().view(-1, batch).amin(0)


def has_kernel(arithmetic: Arithmetic, *messages: torch.Tensor) -> bool:
    """Whether the compiled loops apply: plain numbers on the CPU that autograd does not follow."""
    plain = all(w.device.type == "cpu" and w.dtype in (torch.float32, torch.float64) for w in messages)
    return arithmetic.compiled and plain and not any(map(asks, messages))


def as_samples(
    safely: Callable[..., list[torch.Tensor]], work: Work, results: int, evidence: Evidence, prior: torch.Tensor
) -> list[torch.Tensor]:
    """So many results of `work`, done `safely`, where `vmap` carries the evidence: its batch becomes samples."""

    def function(values: torch.Tensor, prior: torch.Tensor) -> tuple[torch.Tensor, ...]:
        again = Evidence(values.permute(1, 2, 0).contiguous(), evidence.log)
        return tuple(safely(work, again, prior.T.contiguous()))

    found = rowwise(function, results, evidence.values.permute(2, 0, 1), prior.T)
    return [result.to(prior.dtype) for result in found]


def draw(probabilities: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Indices (columns,) along dimension 0, by inversion; never one of probability zero."""
    cumulative = probabilities.double().cumsum(0)
    total = cumulative[-1]
    return ((cumulative <= uniforms * total) & (cumulative < total)).sum(0)
