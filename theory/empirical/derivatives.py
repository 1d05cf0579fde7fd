"""Posterior means of a cloud as differentiable functions of the point, to any order.

With w the posterior weights, a a fixed anchor and M(x; v_1 ... v_k) = E_w[(y - a) prod_j (y - a).v_j],

    grad_x   (g.M) = (M(x; v_1 ... v_k, g) - M(x) (g.M(x; v_1 ... v_k))) / sigma^2
    grad_v_j (g.M) = M(x; v_1 ... v_k with g in the place of v_j)

so that every derivative is again a moment: one pass over the data in blocks, nothing kept in between. The anchor
is the mean, which keeps the differences small and makes M(x) vanish, though not its derivatives.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch

from .point_sets import PointSet
from .weighted_sums import inverse_square


def mean(
    x: torch.Tensor, cloud: PointSet, sigma: torch.Tensor, columns: slice | torch.Tensor = slice(None)
) -> torch.Tensor:
    """E_w[y] at x (q, k), sigma (q,): all (q, k) of it or the given columns."""
    return cast(torch.Tensor, _Mean.apply(x, cloud, sigma, columns))


def log_density(x: torch.Tensor, cloud: PointSet, sigma: torch.Tensor) -> torch.Tensor:
    """log sum_i pi_i N(x; y_i, sigma^2 I) as (q,)."""
    return cast(torch.Tensor, _LogDensity.apply(x, cloud, sigma))


def _vanishing(x: torch.Tensor, cloud: PointSet, sigma: torch.Tensor) -> torch.Tensor:
    """M(x) at the anchor E_w[y]: zero, with the derivatives of the mean."""
    if not torch.is_grad_enabled():
        return torch.zeros_like(x)
    moving = mean(x, cloud, sigma)
    return moving - moving.detach()


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, cloud: PointSet, sigma: torch.Tensor, columns: slice | torch.Tensor
    ) -> torch.Tensor:
        relative = cloud.sums(cloud.query(x, sigma), columns).mean
        ctx.fixed = cloud, sigma, columns
        ctx.anchor = relative if columns == slice(None) else None
        ctx.save_for_backward(x)
        return (relative + cloud.centre[columns]).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (grad,) = grads
        (x,) = ctx.saved_tensors
        cloud, sigma, columns = ctx.fixed
        if ctx.anchor is None:
            ctx.anchor = cloud.sums(cloud.query(x.detach(), sigma)).mean
        direction = torch.zeros_like(x)
        direction[:, columns] = grad
        moment = _Moment.apply(x, cloud, sigma, ctx.anchor, direction)
        vanishing = _vanishing(x, cloud, sigma)
        correction = vanishing * (direction * vanishing).sum(1, keepdim=True)
        return (moment - correction) * _rate(sigma, x), None, None, None


class _Moment(torch.autograd.Function):
    """M(x; v_1 ... v_k), k >= 1, the anchor being relative to the centre of the cloud."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        cloud: PointSet,
        sigma: torch.Tensor,
        anchor: torch.Tensor,
        *directions: torch.Tensor,
    ) -> torch.Tensor:
        ctx.fixed = cloud, sigma, anchor
        ctx.save_for_backward(x, *directions)
        query = cloud.query(x, sigma, anchor=anchor, directions=tuple(v.double() for v in directions))
        sums = cloud.sums(query)
        return ((sums.moment - anchor * sums.tilt.unsqueeze(1)) / sums.total.unsqueeze(1)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (grad,) = grads
        x, *directions = ctx.saved_tensors
        cloud, sigma, _ = ctx.fixed
        grad_x = None
        if ctx.needs_input_grad[0]:
            moment = _Moment.apply(x, *ctx.fixed, *directions)
            tilted = _Moment.apply(x, *ctx.fixed, *directions, grad)
            correction = _vanishing(x, cloud, sigma) * (grad * moment).sum(1, keepdim=True)
            grad_x = (tilted - correction) * _rate(sigma, x)
        tilted_grads = [
            _Moment.apply(x, *ctx.fixed, *directions[:k], grad, *directions[k + 1 :]) if needed else None
            for k, needed in enumerate(ctx.needs_input_grad[4:])
        ]
        return grad_x, None, None, None, *tilted_grads


class _LogDensity(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cloud: PointSet, sigma: torch.Tensor) -> torch.Tensor:
        ctx.fixed = cloud, sigma
        ctx.save_for_backward(x)
        log_total = cloud.sums(cloud.query(x, sigma)).log_total - cloud.log_mass
        return (log_total - x.shape[1] * (sigma.double().log() + math.log(2 * math.pi) / 2)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (grad,) = grads
        (x,) = ctx.saved_tensors
        cloud, sigma = ctx.fixed
        return grad.unsqueeze(1) * (mean(x, cloud, sigma) - x) * _rate(sigma, x), None, None


def _rate(sigma: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """1 / sigma^2 as (q, 1); 0 at sigma = 0, where the mean is constant almost everywhere."""
    rate = torch.where(sigma > 0, inverse_square(sigma), 0.0)
    return rate.clamp(max=torch.finfo(like.dtype).max).to(like.dtype).unsqueeze(1)
