"""Softmax averages over a long list, read block by block: sums of weights that can be merged exactly.

Datum i has energy e_i (half a squared distance), prior weight pi_i and value v_i. With noise of variance
sigma^2 its weight is proportional to pi_i exp(-e_i / sigma^2). A `WeightedSums` holds the sums over some of the
data relative to their lowest energy; `merge` joins the sums of two parts, in any order and of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

LOWEST_LOG_WEIGHT = -80.0
"""Log weights below this, relative to the largest, are raised to it: exp stays out of the subnormal numbers,
which slow a matrix product tens of times, at a relative cost of exp(-80) = 2e-35 per datum."""

TIE = 8 * torch.finfo(torch.float64).eps


def inverse_square(sigma: torch.Tensor) -> torch.Tensor:
    """1 / sigma^2 in float64 without squaring: 0 where it underflows, inf where it overflows."""
    sigma = sigma.double()
    return 1 / sigma / sigma


def safe_norm(x: torch.Tensor) -> torch.Tensor:
    """|x| of rows (q, k), also where its square overflows."""
    largest = x.abs().amax(1).clamp(min=1)
    return largest * (x / largest.unsqueeze(1)).norm(dim=1)


def tie_width(energy: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Energies this close are equal to within float64 rounding of the energy and of a point of norm `scale`."""
    return TIE * (energy + scale * energy.clamp(min=0).sqrt())


def scaled_gap(gap: torch.Tensor, rate: torch.Tensor) -> torch.Tensor:
    """-gap / sigma^2, where no gap stays no gap even at sigma = 0."""
    return torch.where(gap == 0, torch.zeros_like(gap), -gap * rate)


@dataclass(frozen=True)
class WeightedSums:
    """Sums of w_i = pi_i exp(-(e_i - energy) / sigma^2 - peak) over a part of the data, for each row.

    energy (...,): lowest energy of the part, inf if it is empty;
    peak (...,): largest log weight relative to it (0 without a prior);
    total (...,): sum w; cross (...,): sum w log w; moment (..., k): sum w f v, tilt (...,): sum w f, with values v
    and a factor f that is 1 unless a derivative is taken; rate (...,): 1 / sigma^2; scale (...,): |x|.
    """

    energy: torch.Tensor
    peak: torch.Tensor
    total: torch.Tensor
    cross: torch.Tensor
    moment: torch.Tensor
    tilt: torch.Tensor
    rate: torch.Tensor
    scale: torch.Tensor

    def merge(self, other: WeightedSums) -> WeightedSums:
        """The sums over both parts; the rows must be the same points at the same noise levels."""
        energy = torch.minimum(self.energy, other.energy)
        width = tie_width(energy, self.scale)
        levels = []
        for part in (self, other):
            gap = part.energy - energy
            tied = (gap <= width) | (part.energy == energy)
            levels.append(part.peak + scaled_gap(gap.masked_fill(tied, 0), self.rate))
        peak = torch.maximum(*levels)
        (a, b) = (part._rescaled(level - peak) for part, level in zip((self, other), levels, strict=True))  # noqa: SLF001
        return replace(
            a,
            energy=energy,
            peak=peak,
            total=a.total + b.total,
            cross=a.cross + b.cross,
            moment=a.moment + b.moment,
            tilt=a.tilt + b.tilt,
        )

    def _rescaled(self, shift: torch.Tensor) -> WeightedSums:
        shift = shift.clamp(min=LOWEST_LOG_WEIGHT)
        factor = shift.exp()
        return replace(
            self,
            total=self.total * factor,
            cross=(self.cross + shift * self.total) * factor,
            moment=self.moment * factor.unsqueeze(-1),
            tilt=self.tilt * factor,
        )

    @property
    def mean(self) -> torch.Tensor:
        """sum w f v / sum w."""
        return self.moment / self.total.unsqueeze(-1)

    @property
    def entropy(self) -> torch.Tensor:
        """-sum p log p of the normalised weights p, in nats."""
        return (self.total.log() - self.cross / self.total).clamp(min=0)

    @property
    def log_total(self) -> torch.Tensor:
        """log sum_i pi_i exp(-e_i / sigma^2)."""
        return self.total.log() + self.peak - self.energy * self.rate

    def double(self) -> WeightedSums:
        return replace(self, **{name: value.double() for name, value in vars(self).items()})


def concatenate(parts: Sequence[WeightedSums], order: torch.Tensor) -> WeightedSums:
    """The rows of several sums over the same data, concatenated, then taken in `order`."""
    columns = {name: torch.cat([getattr(part, name) for part in parts])[order] for name in vars(parts[0])}
    return WeightedSums(**columns)


def log_weights(
    energy: torch.Tensor,
    low: torch.Tensor,
    rate: torch.Tensor,
    log_prior: torch.Tensor | None = None,
    scale: torch.Tensor | None = None,
) -> torch.Tensor:
    """-(energy - low) / sigma^2 + log pi, written over `energy` (..., m).

    With the norm `scale` of the point, ties are recognised and any sigma, 0 included, is allowed; without it
    1 / sigma^2 must be finite.
    """
    gap = energy.sub_(low.unsqueeze(-1))
    if scale is None:
        gap.mul_(-rate.unsqueeze(-1))
    else:
        tied = gap <= tie_width(low, scale).unsqueeze(-1)
        gap.mul_(-rate.unsqueeze(-1)).masked_fill_(tied, 0)
    return gap if log_prior is None else gap.add_(log_prior)


def block_sums(
    energy: torch.Tensor,
    values: torch.Tensor | Callable[[torch.Tensor], torch.Tensor],
    rate: torch.Tensor,
    scale: torch.Tensor,
    *,
    log_prior: torch.Tensor | None = None,
    factor: torch.Tensor | None = None,
    cross: bool = False,
    ties: bool = False,
) -> WeightedSums:
    """The sums over one block: energies (..., m), which are overwritten, and values (m, k) or a sum over them.

    `values` may be a function that contracts weights (..., m) to (..., k); `factor` (..., m) multiplies the
    weights in moment and tilt; `cross` asks for the sum of w log w (else 0).
    """
    low = energy.amin(-1)
    logs = log_weights(energy, low, rate, log_prior, scale if ties else None)
    peak = torch.zeros_like(low)
    if log_prior is not None:
        peak = logs.amax(-1)
        logs.sub_(peak.unsqueeze(-1))
    logs.clamp_(min=LOWEST_LOG_WEIGHT)
    weights = logs.exp() if cross else logs.exp_()
    total = weights.sum(-1)
    cross_sum = (weights * logs).sum(-1) if cross else torch.zeros_like(total)
    tilted = weights if factor is None else weights.mul_(factor)
    tilt = total if factor is None else tilted.sum(-1)
    moment = values(tilted) if callable(values) else tilted @ values
    return WeightedSums(low, peak, total, cross_sum, moment, tilt, rate, scale)


def pair_sums(
    row: torch.Tensor,
    energy: torch.Tensor,
    values: torch.Tensor,
    rate: torch.Tensor,
    scale: torch.Tensor,
    *,
    log_prior: torch.Tensor | None = None,
    factor: torch.Tensor | None = None,
) -> WeightedSums:
    """The sums over a list of pairs: pair p adds the datum of energy (p,) and values (p, k) to row (p,)."""
    low = torch.full_like(rate, torch.inf).scatter_reduce_(0, row, energy, "amin")
    gap = energy - low[row]
    logs = scaled_gap(gap.masked_fill(gap <= tie_width(low, scale)[row], 0), rate[row])
    peak = torch.zeros_like(low)
    if log_prior is not None:
        logs = logs + log_prior
        peak = torch.full_like(low, -torch.inf).scatter_reduce_(0, row, logs, "amax").nan_to_num(neginf=0.0)
        logs = logs - peak[row]
    logs = logs.clamp(min=LOWEST_LOG_WEIGHT)
    weights = logs.exp()
    tilted = weights if factor is None else weights * factor

    def scatter(terms: torch.Tensor) -> torch.Tensor:
        return terms.new_zeros(low.shape[0], *terms.shape[1:]).index_add_(0, row, terms)

    moment = scatter(tilted.unsqueeze(1) * values)
    return WeightedSums(low, peak, scatter(weights), scatter(weights * logs), moment, scatter(tilted), rate, scale)
