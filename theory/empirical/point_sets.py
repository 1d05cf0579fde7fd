"""Posterior sums over a cloud of points, read in blocks, by the route that rounding allows.

The energy |x - y|^2 / 2 = |y|^2 / 2 - x.y + const comes from a matrix product of centred vectors. Its rounding,
eps (|x| R + R^2) for data within a radius R, is harmless once divided by sigma^2 as long as sigma is not much
smaller than R ("product"). Otherwise the product only screens ("screen"): the pairs that may carry weight are
computed again as differences in float64, and all others, below exp(-WINDOW), are left out.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce

import torch

from .._streamed import Fixed, Piece, Tensors
from .weighted_sums import (
    WeightedSums,
    block_sums,
    concatenate,
    inverse_square,
    log_weights,
    pair_sums,
    safe_norm,
    scaled_gap,
    tie_width,
)

ROUNDING = 2
"""Observed largest error of a centred energy in units of eps (|x| R + R^2)."""

TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-11}
"""Errors of log weights accepted from products: they move a mean by at most a quarter of the spread times this."""

WINDOW = 60.0
BLOCK_BYTES, PAIR_BYTES = 2**23, 2**24


@dataclass(frozen=True)
class Query:
    """Rows x (q, k) relative to the centre of a cloud, in float64, with their noise levels.

    `wide`: x came in a wider dtype than the data.
    """

    x: torch.Tensor
    sigma: torch.Tensor
    rate: torch.Tensor
    variance: torch.Tensor
    norm: torch.Tensor
    scale: torch.Tensor
    wide: bool

    def rows(self, index: torch.Tensor) -> Query:
        """The rows of `index`."""
        picked = {name: value[index] for name, value in vars(self).items() if isinstance(value, torch.Tensor)}
        return replace(self, **picked)


class PointSet(ABC):
    """Points (n, k) with prior weights, over which posterior sums are taken.

    `centre` (k,), float64, is what queries and moments are relative to; `dtype` is that of the products; `log_mass` is
    the logarithm of the sum of all prior weights, log n where every point counts one.
    """

    def __init__(self, n: int, centre: torch.Tensor, dtype: torch.dtype, log_mass: float) -> None:
        self.n: int = n
        self.centre: torch.Tensor = centre
        self.dtype: torch.dtype = dtype
        self.log_mass: float = log_mass

    @abstractmethod
    def sums(self, query: Query, columns: slice | torch.Tensor = slice(None), cross: bool = False) -> WeightedSums:
        """Float64 sums over all points, the values being the given columns of the points relative to the centre."""

    @abstractmethod
    def weights(self, query: Query) -> torch.Tensor:
        """The posterior weights, dense (q, n), in float64."""

    @abstractmethod
    def pieces(self, rows: Tensors, data: Tensors, dtype: torch.dtype) -> Iterator[Piece]:
        """All points that carry weight at rows (x, sigma, posterior mean, lowest energy, peak, total, others ...).

        x came in `dtype`. The last four are those of all `sums`; `data` (points, weights, others ...) are cut alike.
        """

    def total(self, sums: Tensors) -> Tensors:
        """Sums over the pieces, as sums over all points."""
        return sums

    def at(self, data: Tensors) -> PointSet:
        """Itself: it does not change."""
        return self

    def query(self, x: torch.Tensor, sigma: torch.Tensor) -> Query:
        """`x` (q, k) at `sigma` (q,) relative to the centre."""
        sigma = sigma.double()
        centred = x.double() - self.centre
        wide = torch.promote_types(x.dtype, self.dtype) != self.dtype
        norm, scale = safe_norm(centred), safe_norm(x.double())
        return Query(centred, sigma, inverse_square(sigma), sigma**2, norm, scale, wide)


class Cloud(PointSet):
    """Points at hand around a centre that is exact in their dtype; subclasses say how to read them."""

    def __init__(
        self,
        n: int,
        centre: torch.Tensor,
        dtype: torch.dtype,
        log_prior: torch.Tensor | None = None,
        block_size: int | None = None,
    ) -> None:
        super().__init__(n, centre, dtype, math.log(n) if log_prior is None else 0.0)
        self.log_prior: torch.Tensor | None = log_prior
        self.block_size: int | None = block_size
        spread = 0.0 if log_prior is None else float(log_prior.max() - log_prior.min())
        self.window: float = WINDOW + spread
        self.radius: float = 0.0
        self._ready: tuple[torch.Tensor, torch.Tensor] | None = None

    @abstractmethod
    def raw(self, index: slice | torch.Tensor) -> torch.Tensor:
        """The points of `index` as they were given."""

    def points(self, rows: slice, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """Centred points (m, k) and half their squared norms (m,)."""
        if self._ready is not None and dtype == self.dtype:
            return self._ready[0][rows], self._ready[1][rows]
        points = self.raw(rows).to(dtype) - self.centre.to(dtype)
        return points, points.square().sum(1) / 2

    def slices(self, batch: int, itemsize: int) -> Iterator[slice]:
        """Cuts of the data into blocks."""
        size = self.block_size
        if size is None:
            room = 8 * BLOCK_BYTES // (itemsize * self.centre.numel())
            size = max(256, min(BLOCK_BYTES // (itemsize * max(1, batch)), room))
        return (slice(start, min(start + size, self.n)) for start in range(0, self.n, size))

    def groups(
        self, query: Query, near: torch.Tensor | None = None
    ) -> Iterator[tuple[bool, torch.dtype, torch.Tensor, Query]]:
        """(screen, dtype of the products, index, rows): the rows of `query` by route; those not `near` are screened."""
        wanted = torch.float64 if query.wide else self.dtype
        size = ROUNDING * (query.norm * self.radius + self.radius**2) * query.rate
        product = size * torch.finfo(wanted).eps <= TOLERANCE[wanted]
        product &= query.rate.to(wanted).isfinite()
        if near is not None:
            product &= near
        if bool(product.all()):
            yield False, wanted, torch.arange(len(product), device=product.device), query
            return
        for screen, dtype in ((False, wanted), (True, self.dtype)):
            index = (product != screen).nonzero().flatten()
            if index.numel():
                yield screen, dtype, index, query.rows(index)

    def sums(self, query: Query, columns: slice | torch.Tensor = slice(None), cross: bool = False) -> WeightedSums:
        parts, order = [], []
        for screen, dtype, index, rows in self.groups(query):
            blocks = self._screened(rows, columns) if screen else self._products(rows, dtype, columns, cross)
            parts.append(reduce(WeightedSums.merge, blocks).double())
            if not screen:
                absolute = parts[-1].energy + rows.norm**2 / 2
                parts[-1] = replace(parts[-1], energy=absolute, rate=rows.rate, scale=rows.scale)
            order.append(index)
        return parts[0] if len(parts) == 1 else concatenate(parts, torch.cat(order).argsort())

    def weights(self, query: Query) -> torch.Tensor:
        dense = query.x.new_zeros(query.x.shape[0], self.n)
        for screen, dtype, index, rows in self.groups(query):
            energy = torch.full((index.numel(), self.n), torch.inf, dtype=torch.float64, device=dense.device)
            if screen:
                for row, datum, values, _ in self._pairs(rows):
                    energy[row, datum] = values
            else:
                for cut, block, _ in self._energies(rows, dtype):
                    energy[:, cut] = block.double()
            logs = log_weights(energy, energy.amin(1), rows.rate, self.log_prior, rows.scale)
            dense[index] = torch.softmax(logs, dim=1)
        return dense

    def _energies(self, query: Query, dtype: torch.dtype) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
        """Cuts of the data with |y|^2 / 2 - x.y (q, m) and y (m, k), centred."""
        x = query.x.to(dtype)
        for cut in self.slices(x.shape[0], dtype.itemsize):
            points, half = self.points(cut, dtype)
            yield cut, torch.addmm(half, x, points.T, alpha=-1), points

    def _products(
        self, query: Query, dtype: torch.dtype, columns: slice | torch.Tensor, cross: bool
    ) -> Iterator[WeightedSums]:
        rate, scale = query.rate.to(dtype), query.scale.to(dtype)
        for cut, energy, points in self._energies(query, dtype):
            log_prior = None if self.log_prior is None else self.log_prior[cut].to(dtype)
            yield block_sums(energy, points[:, columns], rate, scale, log_prior=log_prior, cross=cross)

    def _pairs(self, query: Query) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Row, datum, energy |x - y|^2 / 2 and centred y of the pairs that may carry weight, some at a time."""
        k = query.x.shape[1]
        eps = torch.finfo(self.dtype).eps
        farthest = query.norm + self.radius
        rounding = 2 * max(8.0, math.sqrt(k)) * eps * farthest * self.radius + tie_width(farthest**2, query.scale)
        reach = (self.window * query.variance + rounding).to(self.dtype)
        floor = torch.full_like(reach, torch.inf)
        for cut, energy, _ in self._energies(query, self.dtype):
            floor = torch.minimum(floor, energy.amin(1))
            near = (energy <= (floor + reach).unsqueeze(1)).nonzero()
            for row, datum in (part.unbind(1) for part in near.split(max(1, PAIR_BYTES // (8 * k)))):
                datum = datum + cut.start
                points = self.raw(datum).double() - self.centre
                yield row, datum, (query.x[row] - points).square_().sum(1) / 2, points

    def _screened(self, query: Query, columns: slice | torch.Tensor) -> Iterator[WeightedSums]:
        for row, datum, energy, points in self._pairs(query):
            log_prior = None if self.log_prior is None else self.log_prior[datum]
            yield pair_sums(row, energy, points[:, columns], query.rate, query.scale, log_prior=log_prior)

    def pieces(self, rows: Tensors, data: Tensors, dtype: torch.dtype) -> Iterator[Piece]:
        x, sigma, mean, low, peak, total, *others = rows
        query, square = self.query(x.to(dtype), sigma), (x - mean).square().sum(1) / 2
        near = ~(torch.finfo(torch.float64).eps * square * query.rate > TOLERANCE[torch.float32])
        for screen, kind, index, part in self.groups(query, near):
            rest = [values[index] for values in (low, peak, total, *others)]
            if screen:
                yield from self._paired(part, index, (x[index], sigma[index], mean[index], *rest), data)
                continue
            shift = peak[index] - part.rate * (low - square)[index]
            fixed = {"scale": (1 / total[index]).to(kind), "shift": shift.to(kind)}
            moved = (part.x, sigma[index], mean[index] - self.centre, *rest)
            moved = tuple(values.to(kind) for values in moved)
            for cut in self.slices(4 * len(index), kind.itemsize):
                known = self._known(self.points(cut, kind)[0], cut) if not data else self._known(data[0][cut], cut)
                given = _centred(tuple(values[cut] for values in data), self.centre, kind)
                yield Piece(index, cut, moved, given, {**fixed, **known})

    def _paired(self, query: Query, index: torch.Tensor, rows: Tensors, data: Tensors) -> Iterator[Piece]:
        """The pairs that may carry weight, relative to the posterior mean of their row."""
        x, sigma, mean, low, peak, total = rows[:6]
        width = tie_width(low, query.scale)
        for row, datum, energy, points in self._pairs(query):
            if len(row):
                gap = energy - low[row]
                gap = scaled_gap(gap.masked_fill(gap <= width[row], 0), query.rate[row])
                fixed = {"scale": (gap - peak[row]).exp() / total[row]}
                known = self._known(points - (mean[row] - self.centre), datum)
                origin = torch.zeros_like(points)
                moved = (x[row] - mean[row], sigma[row], origin, *(values[row] for values in rows[3:]))
                given = _centred(tuple(values[datum] for values in data), mean[row], torch.float64)
                yield Piece(index[row], datum, moved, given, {**fixed, **known}, paired=True)

    def _known(self, points: torch.Tensor, index: slice | torch.Tensor) -> Fixed:
        """`points`, which are those of `index`, and their weights."""
        prior = points.new_ones(len(points)) if self.log_prior is None else self.log_prior[index].exp().to(points)
        return {"points": points, "prior": prior}


def _centred(data: Tensors, origin: torch.Tensor, dtype: torch.dtype) -> Tensors:
    """`data` in `dtype`, the first, which are points, relative to `origin`."""
    return tuple((values - origin if i == 0 else values).to(dtype) for i, values in enumerate(data))


class ArrayCloud(Cloud):
    """The rows of an array (n, k), kept as they are and, centred (at their mean if nothing is given), a second time."""

    def __init__(
        self,
        data: torch.Tensor,
        log_prior: torch.Tensor | None = None,
        centre: torch.Tensor | None = None,
        block_size: int | None = None,
    ) -> None:
        data = data.to(torch.promote_types(data.dtype, torch.float32))
        if centre is None:
            centre = torch.stack([block.double().sum(0) for block in data.split(4096)]).sum(0) / data.shape[0]
        centre = centre.to(data.dtype).double()
        super().__init__(data.shape[0], centre, data.dtype, log_prior, block_size)
        self._data = data
        centred = data - centre.to(data.dtype)
        half = torch.cat([block.double().square().sum(1) / 2 for block in centred.split(4096)]).to(data.dtype)
        self._ready = centred, half
        self.radius: float = math.sqrt(2 * float(half.max()))

    def raw(self, index: slice | torch.Tensor) -> torch.Tensor:
        return self._data[index]
