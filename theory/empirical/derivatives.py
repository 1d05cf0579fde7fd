"""Posterior means of a cloud as differentiable functions of the point, the noise level, the data and their weights.

With a the posterior mean at the given x and sigma, taken as a constant, z = y - a, u = x - a and

    N = sum_i p_i z_i,   Z = sum_i p_i,   p_i ~ pi_i exp(-(|z_i|^2 / 2 - z_i.u) / sigma^2)  scaled to Z = 1

the mean is a + N / Z, whatever a is, and log p_sigma(x) = log Z - |u|^2 / 2 sigma^2 - k log sigma + const. At the given
x, N = 0 and Z = 1 are known, so that only their derivatives take passes over the data, in differences from a.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch

from ..._support.transforms import tracked
from .._products import change_of_product, product
from .._streamed import Fixed, Kernel, Piece, Tensors, change, stream, unbatched
from .point_sets import PointSet, Query
from .training_sets import LivePoints, TrainingSet
from .weighted_sums import inverse_square


def mean(
    x: torch.Tensor, cloud: PointSet | LivePoints, sigma: torch.Tensor, columns: slice | torch.Tensor = slice(None)
) -> torch.Tensor:
    """E_w[y] at x (q, k), sigma (q,): all (q, k) of it or the given columns."""
    live = cloud.live if isinstance(cloud, LivePoints) else ()
    if not tracked(x, sigma, *live):
        held = cloud.now() if isinstance(cloud, LivePoints) else cloud
        sums = held.sums(held.query(x, sigma), columns)
        return (sums.mean + held.centre[columns]).to(x.dtype)
    source, rows = _Posterior(cloud, x.dtype), (x.double(), sigma.double())
    at = constants(_at, source, rows, live)
    first, total = stream(source, MEAN, (*rows, *at[:4]), live)
    return (at[0] + first / total.unsqueeze(1))[:, columns].to(x.dtype)


def log_density(x: torch.Tensor, cloud: PointSet | LivePoints, sigma: torch.Tensor) -> torch.Tensor:
    """log sum_i pi_i N(x; y_i, sigma^2 I) as (q,)."""
    live = cloud.live if isinstance(cloud, LivePoints) else ()
    source, rows = _Posterior(cloud, x.dtype), (x.double(), sigma.double())
    at = constants(_at, source, rows, live)
    if not tracked(*rows, *live):
        return at[4].to(x.dtype)
    total = stream(source, MEAN, (*rows, *at[:4]), live)[1]
    gauge = -(rows[0] - at[0]).square().sum(1) * rate_of(rows[1]) / 2 - x.shape[1] * rows[1].log()
    return (at[4] + total.log() + change(gauge)).to(x.dtype)


def entropy(x: torch.Tensor, cloud: PointSet | LivePoints, sigma: torch.Tensor) -> torch.Tensor:
    """-sum_i w_i log w_i as (q,)."""
    live = cloud.live if isinstance(cloud, LivePoints) else ()
    source, rows = _Posterior(cloud, x.dtype), (x.double(), sigma.double())
    if not tracked(*rows, *live):
        return constants(_entropy, source, rows, live)[0].to(x.dtype)
    at = (*constants(_at, source, rows, live)[:4], *constants(_entropy, source, rows, live))
    total, cross = stream(source, ENTROPY, (*rows, *at), live)
    return (total.log() - cross / total).to(x.dtype)


def weights(x: torch.Tensor, cloud: PointSet | LivePoints, sigma: torch.Tensor) -> torch.Tensor:
    """All posterior weights w_i as (q, n); differentiated where the points are at hand."""
    live = cloud.live if isinstance(cloud, LivePoints) else ()
    source, rows = _Posterior(cloud, x.dtype), (x.double(), sigma.double())
    (found,) = constants(_weights, source, rows, live)
    if not tracked(*rows, *live):
        return found.to(x.dtype)
    points, *prior = (value.double() for value in live or (_all_points(cloud),))
    gap = points.square().sum(1) / 2 - rows[0] @ points.T
    logs = -rate_of(rows[1]).unsqueeze(1) * gap
    if prior:
        logs = logs + torch.where(prior[0] > 0, prior[0], 1).log()
    p = found * change(logs).exp()
    return (p / p.sum(1, keepdim=True)).to(x.dtype)


def rate_of(sigma: torch.Tensor) -> torch.Tensor:
    """1 / sigma^2, and 0 at sigma = 0, where the mean is constant almost everywhere."""
    alive = (sigma > 0) & inverse_square(sigma).isfinite()
    safe = torch.where(alive, sigma, 1)
    return torch.where(alive, 1 / safe / safe, 0)


def _weighted(fixed: Fixed, rows: Tensors, data: Tensors) -> tuple[torch.Tensor, torch.Tensor]:
    """The points and p (rows, points), from x, sigma and a; points and prior weights are data or fixed."""
    x, sigma, anchor = rows[:3]
    points, *prior = data or (fixed["points"],)
    gap = points.square().sum(1) / 2 - product(x, points.T) - (anchor * (anchor / 2 - x)).sum(1, keepdim=True)
    logs = -rate_of(sigma).unsqueeze(1) * gap
    logs = logs - fixed["shift"].unsqueeze(1) if "shift" in fixed else change(logs)
    if prior:  # one that is 0 may have the largest likelihood of all
        logs = logs.clamp(max=80)
    return points, logs.exp() * (fixed["scale"].unsqueeze(1) * (prior[0] if prior else fixed["prior"]))


def _mean(fixed: Fixed, rows: Tensors, data: Tensors) -> tuple[Tensors, Tensors]:
    points, p = _weighted(fixed, rows, data)
    total = p.sum(1)
    return (change_of_product(p, points) - rows[2] * total.unsqueeze(1), total), ()


def _cross(fixed: Fixed, rows: Tensors, data: Tensors) -> tuple[Tensors, Tensors]:
    p = _weighted(fixed, rows, data)[1]
    return (p.sum(1), torch.where(p > 0, p * torch.where(p > 0, p, 1).log(), 0).sum(1)), ()


MEAN = Kernel(_mean, 2, 0, known=lambda rows, data: (torch.zeros_like(rows[0]), torch.ones_like(rows[1])))
"""Z, and N as far as it moves."""
ENTROPY = Kernel(_cross, 2, 0, known=lambda rows, data: (torch.ones_like(rows[1]), -rows[6]))
"""Z and sum p log p, which is minus the entropy, the seventh tensor of the rows."""


@dataclass(frozen=True)
class _Posterior:
    """The points of a cloud for x of some dtype."""

    cloud: PointSet | LivePoints
    dtype: torch.dtype

    @property
    def n(self) -> int:
        return self.cloud.n

    def pieces(self, rows: Tensors, data: Tensors) -> Iterator[Piece]:
        return self.cloud.at(data).pieces(rows, data, self.dtype)

    def total(self, sums: Tensors) -> Tensors:
        return sums if isinstance(self.cloud, LivePoints) else self.cloud.total(sums)


Ask = Callable[[PointSet, Query], Tensors]


def _at(cloud: PointSet, query: Query) -> Tensors:
    """Mean, lowest energy, peak and total of `WeightedSums`, and log p_sigma."""
    sums = cloud.sums(query)
    offset = query.x.shape[1] * (query.sigma.log() + math.log(2 * math.pi) / 2)
    return (
        sums.mean + cloud.centre,
        sums.energy.clone(),
        sums.peak.clone(),
        sums.total.clone(),
        sums.log_total - cloud.log_mass - offset,
    )


def _entropy(cloud: PointSet, query: Query) -> Tensors:
    return (cloud.sums(query, cross=True).entropy,)


def _weights(cloud: PointSet, query: Query) -> Tensors:
    return (cloud.weights(query),)


def constants(ask: Ask, source: _Posterior, rows: Tensors, data: Tensors) -> Tensors:
    """What the points answer at x and sigma, without derivatives."""
    return cast(Tensors, _Constants.apply(ask, source, *rows, *data))


def _all_points(cloud: PointSet | LivePoints) -> torch.Tensor:
    """(n, k), read or gathered as a whole."""
    if not isinstance(cloud, TrainingSet):
        raise TypeError(f"{type(cloud).__name__} holds no training set")
    return cloud.rows(slice(None)).flatten(1)


class _Constants(torch.autograd.Function):
    @staticmethod
    def forward(ask: Ask, source: _Posterior, x: torch.Tensor, sigma: torch.Tensor, *data: torch.Tensor) -> Tensors:
        cloud = source.cloud.at(data)
        return ask(cloud, cloud.query(x.to(source.dtype), sigma))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.mark_non_differentiable(*output)
        ctx.set_materialize_grads(False)
        ctx.inputs, ctx.outputs = len(inputs), len(output)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor | None) -> tuple[None, ...]:
        return (None,) * ctx.inputs

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> tuple[None, ...]:
        return (None,) * ctx.outputs

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        ask, source, *tensors = args

        def apply(*tensors: torch.Tensor) -> Tensors:
            return cast(Tensors, _Constants.apply(ask, source, *tensors))

        return unbatched(info, in_dims[2:], apply, 2, *tensors)
