"""The optimum of a network that memorises: the exact posterior mean over the training set.

For data y_1 ... y_n with prior weights pi_i, x = x0 + sigma n has the density and the posterior

    p_sigma(x) = sum_i pi_i N(x; y_i, sigma^2 I)                                                       [@Karras2022]
    w_i(x) = pi_i exp(-|x - y_i|^2 / 2 sigma^2) / sum_j pi_j exp(-|x - y_j|^2 / 2 sigma^2)
    D(x, sigma) = sum_i w_i(x) y_i                                                       [@Li2024; @Biroli2024]

The sums run over blocks of the data, so memory is O(batch x block). Squared distances come from matrix products
of centred vectors where the bound on their rounding, eps R^2 / sigma^2, is small; in float64 where it is not;
and, where even that would show, pairs that carry weight are computed again as differences.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import torch

from .. import _checks as check
from ..errors import ArgumentError, NoiseLevelError, ShapeError, WeightsError
from ._streaming import WeightedSums, block_sums, concatenate, inverse_square, log_weights

ROUNDING = 4
"""Rounding of a centred energy in units of eps |x - c| R, as seen on images; see the tests."""

SINGLE_TOLERANCE, DOUBLE_TOLERANCE = 3e-4, 1e-11
"""Errors of log weights that are accepted from products in float32 (and narrower) and in float64."""

WINDOW = 60.0
"""Data whose log weight is this far below the largest carry less than 1e-26 of the weight."""

BLOCK_BYTES, PAIR_BYTES = 2**22, 2**24


def prior_weights(weights: Any, n: int) -> torch.Tensor | None:
    """`weights` as float64 `(n,)` if they are non-negative and sum to one; None stays None."""
    if weights is None:
        return None
    weights = check.as_float_tensor("weights", weights).double()
    if tuple(weights.shape) != (n,):
        raise ShapeError("weights", f"has shape {tuple(weights.shape)}", f"pass one weight per datum, ({n},)")
    if bool((weights < 0).any()):
        raise WeightsError("weights", "holds negative values", "pass probabilities")
    if not math.isclose(float(weights.sum()), 1, rel_tol=0, abs_tol=1e-6):
        raise WeightsError("weights", f"sums to {float(weights.sum()):g}", "divide by the sum")
    return weights / weights.sum()


@dataclass(frozen=True)
class _Query:
    """Centred points with what their sums need; rows can be selected."""

    x: torch.Tensor
    centred: torch.Tensor
    rate: torch.Tensor
    variance: torch.Tensor
    scale: torch.Tensor
    norm: torch.Tensor
    route: torch.Tensor
    anchor: torch.Tensor | None = None
    directions: tuple[torch.Tensor, ...] = ()

    def rows(self, index: torch.Tensor) -> _Query:
        if index.numel() == self.x.shape[0]:
            return self
        picked = {k: v[index] for k, v in vars(self).items() if isinstance(v, torch.Tensor)}
        return replace(self, **picked, directions=tuple(v[index] for v in self.directions))


class EmpiricalDenoiser:
    """E[x0 | x] when x0 is drawn from the training set `data` ([@Li2024], eq. 5).

    `data` `(n, *event)` is kept without a copy, beside a centred one; `weights` `(n,)` are prior weights (default:
    equal); `block_size` is the number of data read at once (default: fitted to the caches). The result is the
    same to rounding for any block size. sigma = 0 gives the nearest datum, ties averaged; sigma = inf the mean.
    Squared distances are ties when equal to within float64 rounding. Differentiable in x, to any order, in the
    same memory.

    Raises EmptyDataError, ShapeError, NotFiniteError or WeightsError on unusable data or weights, and
    NoiseLevelError on a negative or NaN sigma.

    >>> denoiser = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
    >>> denoiser(torch.tensor([[0.5]], dtype=torch.float64), 1.0)  # tanh(x / sigma^2)
    tensor([[0.4621]], dtype=torch.float64)
    >>> denoiser(torch.tensor([[0.5], [0.0]], dtype=torch.float64), 0.0)
    tensor([[1.],
            [0.]], dtype=torch.float64)
    """

    def __init__(self, data: Any, weights: Any = None, *, block_size: int | None = None) -> None:
        self.data = check.dataset("data", data)
        self.prior = prior_weights(weights, self.n)
        self.block_size = None if block_size is None else check.integer("block_size", block_size, 1)
        flat = self.data.flatten(1)
        self._support = None
        self._log_prior = None
        if self.prior is not None:
            self.prior = self.prior.to(flat.device)
            self._support = self.prior.nonzero().flatten()
            flat = flat if self._support.numel() == self.n else flat[self._support]
            self._log_prior = self.prior[self._support].log()
        self._flat = flat
        self._centre = _mean(flat)
        self._centred = flat - self._centre.to(flat.dtype)
        half = torch.cat([block.double().square().sum(1) / 2 for block in self._centred.split(4096)])
        self._half = half.to(flat.dtype)
        self._radius = math.sqrt(2 * float(half.max()))
        spread = 0.0 if self._log_prior is None else float(self._log_prior.max() - self._log_prior.min())
        self._window = WINDOW + spread

    @property
    def n(self) -> int:
        """Number of data."""
        return self.data.shape[0]

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one datum."""
        return tuple(self.data.shape[1:])

    def to(self, *args: Any, **kwargs: Any) -> EmpiricalDenoiser:
        """The same denoiser on another device or in another dtype, as `torch.Tensor.to`."""
        return EmpiricalDenoiser(self.data.to(*args, **kwargs), self.prior, block_size=self.block_size)

    def __call__(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        x, sigma = self._checked(x, sigma)
        return _Mean.apply(x.flatten(1), self, sigma).reshape(x.shape)

    def log_density(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        """log p_sigma(x) as `(batch,)`; its gradient is the score (D(x, sigma) - x) / sigma^2.

        Raises NoiseLevelError unless 0 < sigma < inf.

        >>> denoiser = EmpiricalDenoiser(torch.zeros(1, 2, dtype=torch.float64))
        >>> denoiser.log_density(torch.zeros(1, 2, dtype=torch.float64), 1.0)  # -log(2 pi)
        tensor([-1.8379], dtype=torch.float64)
        """
        x, sigma = self._checked(x, sigma)
        if not bool(((sigma > 0) & sigma.isfinite()).all()):
            raise NoiseLevelError("sigma", "holds 0 or inf", "the density has no limit there: pass 0 < sigma < inf")
        return _LogDensity.apply(x.flatten(1), self, sigma)

    def weights(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        """The posterior weights w_i(x) as a dense `(batch, n)`; this needs memory O(batch x n)."""
        x, sigma = self._checked(x, sigma)
        with torch.no_grad():
            return self._weights(x.detach().flatten(1), sigma)

    def entropy(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        """-sum_i w_i log w_i in nats as `(batch,)`: log n when nothing is known, 0 when one datum is singled out.

        Its mean over x = y_i + sigma n is the excess entropy whose fall marks the collapse [@Biroli2024].

        >>> denoiser = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
        >>> denoiser.entropy(torch.zeros(1, 1, dtype=torch.float64), 1.0)  # log 2
        tensor([0.6931], dtype=torch.float64)
        """
        x, sigma = self._checked(x, sigma)
        with torch.no_grad():
            return self._sums(self._query(x.detach().flatten(1), sigma), cross=True).entropy.to(x.dtype)

    def partial(self, x: torch.Tensor, sigma: Any) -> WeightedSums:
        """The sums behind D(x, sigma) over these data, to be merged with those of other shards of a training set.

        Every datum counts one (its weight, if weights were given). Merging is exact, ties included.

        >>> data = torch.arange(6, dtype=torch.float64).reshape(6, 1)
        >>> x = torch.tensor([[2.2]], dtype=torch.float64)
        >>> left, right = (EmpiricalDenoiser(shard).partial(x, 1.0) for shard in (data[:2], data[2:]))
        >>> bool(torch.isclose(left.merge(right).mean, EmpiricalDenoiser(data)(x, 1.0)))
        True
        """
        x, sigma = self._checked(x, sigma)
        with torch.no_grad():
            sums = self._sums(self._query(x.detach().flatten(1), sigma), cross=True)
            return replace(sums, moment=sums.moment + sums.tilt.unsqueeze(1) * self._centre)

    def _checked(self, x: Any, sigma: Any) -> tuple[torch.Tensor, torch.Tensor]:
        x = check.batch("x", x, self.event_shape)
        if x.device != self.data.device:
            raise ArgumentError("x", f"is on {x.device}, the data on {self.data.device}", "move one with .to(device)")
        return x, check.sigmas("sigma", sigma, x).detach()

    def _query(self, x: torch.Tensor, sigma: torch.Tensor, **tilt: Any) -> _Query:
        raw, sigma = x.double(), sigma.double()
        centred = raw - self._centre
        norm = centred.norm(dim=1)
        rate = inverse_square(sigma)
        wide = torch.finfo(x.dtype).eps < torch.finfo(self._flat.dtype).eps
        return _Query(
            raw, centred, rate, sigma**2, raw.norm(dim=1), norm, self._routes(norm, rate, x.dtype, wide), **tilt
        )

    def _routes(self, norm: torch.Tensor, rate: torch.Tensor, dtype: torch.dtype, wide: bool) -> torch.Tensor:
        """Per row: 0 products in the data's dtype, 1 products in float64, 2 also differences where weight lies."""
        own = self._flat.dtype
        size = ROUNDING * (norm * self._radius + self._radius**2) * rate
        strict = torch.float64 in (own, dtype)
        fits_own = size * torch.finfo(own).eps <= (DOUBLE_TOLERANCE if strict else SINGLE_TOLERANCE)
        fits_own &= rate.to(own).isfinite() & (not wide)
        fits_double = size * torch.finfo(torch.float64).eps <= (DOUBLE_TOLERANCE if strict else SINGLE_TOLERANCE / 100)
        return torch.where(fits_own, 0, torch.where(fits_double & rate.isfinite(), 1, 2))

    def _groups(self, query: _Query) -> Iterator[tuple[int, torch.Tensor, _Query]]:
        for route in query.route.unique().tolist():
            index = (query.route == route).nonzero().flatten()
            yield route, index, query.rows(index)

    def _sums(self, query: _Query, cross: bool = False) -> WeightedSums:
        """Float64 sums over all data; moments are relative to the centre."""
        parts, order = [], []
        for route, index, rows in self._groups(query):
            sums = reduce(WeightedSums.merge, self._block_sums(rows, route, cross)).double()
            offset = rows.norm**2 / 2 if route < 2 else 0
            parts.append(replace(sums, energy=sums.energy + offset, rate=rows.rate, scale=rows.scale))
            order.append(index)
        return parts[0] if len(parts) == 1 else concatenate(parts, torch.cat(order).argsort())

    def _block_sums(self, query: _Query, route: int, cross: bool) -> Iterator[WeightedSums]:
        for rows, energy, values in self._blocks(query, route):
            dtype = values.dtype
            yield block_sums(
                energy,
                values,
                query.rate.to(dtype),
                query.scale.to(dtype),
                log_prior=None if self._log_prior is None else self._log_prior[rows].to(dtype),
                factor=_factor(query, values),
                cross=cross,
                ties=route == 2,
            )

    def _blocks(self, query: _Query, route: int) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
        """Slices of the data with their energies (batch, m), up to a constant per row, and their centred values."""
        dtype = self._flat.dtype if route == 0 else torch.float64
        x = query.centred.to(dtype)
        floor = torch.full_like(query.rate, math.inf)
        for rows in self._slices(x.shape[0], dtype.itemsize):
            if route == 0:
                values, half = self._centred[rows], self._half[rows]
            else:
                values = self._flat[rows].double() - self._centre
                half = values.square().sum(1) / 2
            energy = torch.addmm(half, x, values.T, alpha=-1)
            if route == 2:
                energy += query.norm.unsqueeze(1) ** 2 / 2
                floor = self._refine(energy, floor, query, self._flat[rows])
            yield rows, energy, values

    def _refine(self, energy: torch.Tensor, floor: torch.Tensor, query: _Query, data: torch.Tensor) -> torch.Tensor:
        """Recompute, as |x - y|^2 / 2, the energies in reach of the lowest so far; return the new lowest."""
        rounding = 8 * math.sqrt(data.shape[1]) * torch.finfo(torch.float64).eps * (query.norm + self._radius) ** 2
        reach = self._window * query.variance + 2 * rounding
        near = energy <= (torch.minimum(floor, energy.amin(1)) + reach).unsqueeze(1)
        pairs = near.nonzero()
        for i, j in (part.unbind(1) for part in pairs.split(max(1, PAIR_BYTES // (8 * data.shape[1])))):
            energy[i, j] = (query.x[i] - data[j].double()).square_().sum(1) / 2
        return torch.minimum(floor, energy.amin(1))

    def _slices(self, batch: int, itemsize: int) -> Iterator[slice]:
        n, d = self._flat.shape
        size = self.block_size
        if size is None:
            size = max(256, min(BLOCK_BYTES // (itemsize * max(1, batch)), 8 * BLOCK_BYTES // (itemsize * d)))
        return (slice(start, min(start + size, n)) for start in range(0, n, size))

    def _weights(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        query = self._query(x, sigma)
        dense = x.new_zeros(x.shape[0], self.n)
        columns = slice(None) if self._support is None else self._support
        for route, index, rows in self._groups(query):
            energy = torch.cat([energy for _, energy, _ in self._blocks(rows, route)], dim=1).double()
            logs = log_weights(energy, energy.amin(1), rows.rate, self._log_prior, rows.scale)
            part = dense.new_zeros(index.numel(), self.n)
            part[:, columns] = torch.softmax(logs, dim=1).to(x.dtype)
            dense[index] = part
        return dense


def _mean(data: torch.Tensor) -> torch.Tensor:
    """The mean of the rows, rounded to their dtype (so that data and points are shifted alike), in float64."""
    total = torch.stack([block.double().sum(0) for block in data.split(4096)]).sum(0)
    return (total / data.shape[0]).to(data.dtype).double()


def _factor(query: _Query, values: torch.Tensor) -> torch.Tensor | None:
    """prod_k (y_i - anchor) . v_k as (batch, m), for the derivatives."""
    if query.anchor is None:
        return None
    factors = [
        v.to(values.dtype) @ values.T - (v * query.anchor).sum(1, keepdim=True).to(values.dtype)
        for v in query.directions
    ]
    return math.prod(factors[1:], start=factors[0])


# Derivatives. With w the posterior weights, a a fixed anchor and M(x; v_1 ... v_k) = E_w[(y - a) prod_j (y - a).v_j],
#     grad_x (g . M)   = (M(x; v_1 ... v_k, g) - M(x) (g . M(x; v_1 ... v_k))) / sigma^2
#     grad_v_j (g . M) = M(x; v_1 ... g in the place of v_j ... v_k)
# so that derivatives of every order are moments again, each one pass over the data. The anchor is D(x).


class _Mean(torch.autograd.Function):
    """D(x) for flat rows x."""

    @staticmethod
    def forward(ctx, x, denoiser, sigma):
        sums = denoiser._sums(denoiser._query(x, sigma))
        ctx.denoiser, ctx.sigma, ctx.anchor = denoiser, sigma, sums.mean
        mean = (sums.mean + denoiser._centre).to(x.dtype)
        ctx.save_for_backward(x, mean)
        return mean

    @staticmethod
    def backward(ctx, grad):
        x, mean = ctx.saved_tensors
        shifted = mean - mean.detach()
        moment = _Moment.apply(x, ctx.denoiser, ctx.sigma, ctx.anchor, grad)
        return (moment - shifted * (grad * shifted).sum(1, keepdim=True)) * _rate(ctx.sigma, x), None, None


class _Moment(torch.autograd.Function):
    """M(x; v_1 ... v_k), k >= 1; the anchor is given relative to the centre of the data."""

    @staticmethod
    def forward(ctx, x, denoiser, sigma, anchor, *directions):
        ctx.denoiser, ctx.sigma, ctx.anchor = denoiser, sigma, anchor
        ctx.save_for_backward(x, *directions)
        query = denoiser._query(x, sigma, anchor=anchor, directions=tuple(v.double() for v in directions))
        sums = denoiser._sums(query)
        return ((sums.moment - anchor * sums.tilt.unsqueeze(1)) / sums.total.unsqueeze(1)).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        x, *directions = ctx.saved_tensors
        fixed = (x, ctx.denoiser, ctx.sigma, ctx.anchor)
        grad_x = None
        if ctx.needs_input_grad[0]:
            mean = _Mean.apply(x, ctx.denoiser, ctx.sigma)
            moment = _Moment.apply(*fixed, *directions)
            tilted = _Moment.apply(*fixed, *directions, grad)
            shifted = mean - mean.detach()
            grad_x = (tilted - shifted * (grad * moment).sum(1, keepdim=True)) * _rate(ctx.sigma, x)
        grads = [
            _Moment.apply(*fixed, *directions[:k], grad, *directions[k + 1 :]) if needed else None
            for k, needed in enumerate(ctx.needs_input_grad[4:])
        ]
        return grad_x, None, None, None, *grads


class _LogDensity(torch.autograd.Function):
    """log p_sigma(x) for flat rows x."""

    @staticmethod
    def forward(ctx, x, denoiser, sigma):
        ctx.denoiser, ctx.sigma = denoiser, sigma
        ctx.save_for_backward(x)
        log_total = denoiser._sums(denoiser._query(x, sigma)).log_total
        if denoiser.prior is None:
            log_total = log_total - math.log(denoiser.n)
        return (log_total - x.shape[1] * (sigma.double().log() + math.log(2 * math.pi) / 2)).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        mean = _Mean.apply(x, ctx.denoiser, ctx.sigma)
        return grad.unsqueeze(1) * (mean - x) * _rate(ctx.sigma, x), None, None


def _rate(sigma: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """1 / sigma^2 as (batch, 1); 0 at sigma = 0, where D is constant almost everywhere."""
    rate = torch.where(sigma > 0, inverse_square(sigma), 0.0)
    return rate.to(like.dtype).unsqueeze(1)
