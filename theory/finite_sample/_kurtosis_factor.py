"""Data are not Gaussian: by which factor the fourth moments change the disagreement of two training sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from ..._support import checks as check
from ..._support.types import ArrayLike
from ...errors import EmptyDataError
from ..covariance import Covariance, moments
from ._kappa import check_sigma, check_spectrum, scaled_level, solve

VALID, BLOCK = 0.1, 4096


class KurtosisFactor(NamedTuple):
    """The factor by which fourth moments raise the disagreement, to first order in df1 / n.

    Parameters
    ----------
    value : float
        The factor; 1 for Gaussian data.
    stderr : float
        Its standard error over the data, which also set the covariance: to first order in what each datum moves.
    df1_over_n : float
        The degrees of freedom per datum, the small quantity of the expansion.

    Raises
    ------
    TypeError
        Where one of the three is missing.

    Examples
    --------
    >>> KurtosisFactor(1.2, 0.1, 0.05).is_valid
    True
    """

    value: float
    stderr: float
    df1_over_n: float

    @property
    def is_valid(self) -> bool:
        """Whether df1 / n is below 0.1; beyond, the factor exaggerates."""
        return self.df1_over_n < VALID


def kurtosis_factor(data: ArrayLike, n: int, sigma: float) -> KurtosisFactor:
    r"""The disagreement of two training sets of n data, over that of Gaussian data with the same covariance.

    K = [E a b - tr(G C G^2 C)] / [tr(G C) tr(G^2 C) + tr(G C G^2 C)],  a = y'Gy, b = y'G^2 y, G = (C + kappa)^-1,

    which is 1 for Gaussian y: to first order in 1 / n the scatter of the covariance of a sample is that of the fourth
    moments of the data. Multiply `disagreement` of `errors` by it. Where df1 / n is not small the factor is too large
    (`is_valid`), because the resolvent then bounds what an outlier can do.

    Parameters
    ----------
    data : array (m, *event)
        Data; their mean and covariance are taken for exact, so that m should be much larger than n and d.
    n : int
        Size of the training sets that are compared, at least 2.
    sigma : float
        Noise level, 0 < sigma < inf.

    Returns
    -------
    KurtosisFactor
        value, stderr, df1_over_n.

    Raises
    ------
    ArgumentError
        For n < 2 or a sigma that is not in (0, inf).
    EmptyDataError
        For fewer than 3 data, or data that do not vary.
    ShapeError, NotFiniteError
        For data that are not (m, *event) finite numbers.

    Examples
    --------
    >>> y = torch.randn(4000, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    >>> found = kurtosis_factor(y, 1000, 1.0)
    >>> abs(found.value - 1) < 4 * found.stderr, found.is_valid
    (True, True)
    """
    points = check.dataset("data", data, minimum=3).flatten(1)
    n, sigma = check.integer("n", n, 2), check_sigma(sigma)
    check.positive_sigmas("sigma", sigma)
    if bool((points == points[:1]).all()):
        raise EmptyDataError("data", "do not vary", "pass data that vary")
    with check.speaking_of("data"):
        return factors(points.detach(), [(n, sigma)])[0]


def factors(
    points: torch.Tensor,
    settings: Sequence[tuple[int, float]],
    known: tuple[torch.Tensor, Covariance] | None = None,
) -> list[KurtosisFactor]:
    """The factor of data `(m, d)` at each (n, sigma), from one pass over the data; `known` are their `moments`."""
    mean, covariance = known or moments(points)
    values, basis = covariance.eigenvalues + covariance.floor, covariance.basis
    check.representable("data", values)
    if not bool((values > 0).any()):
        raise EmptyDataError("data", "vary by less than float64 can square", "pass larger numbers")
    positive = values > len(values) * torch.finfo(torch.float64).eps * values.max()
    c = values[positive]
    spectrum = check_spectrum(c)
    top = float(spectrum.max())
    c = c / top
    kappas = [solve(spectrum / top, float(n), scaled_level(sigma, top)) for n, sigma in settings]
    g = torch.stack([1 / (c + kappa) for kappa in kappas], dim=1)
    sums = _Sums(len(c), len(settings), c)
    for block in points.split(BLOCK):
        centred = block.double() - mean
        sums.add((centred if basis is None else centred @ basis)[:, positive].square() / top, g)
    return [
        KurtosisFactor(*_value_and_error(sums, i, c, g[:, i], kappa, n), float((c * g[:, i]).sum()) / n)
        for i, (kappa, (n, _)) in enumerate(zip(kappas, settings, strict=True))
    ]


class _Sums:
    """Over the data, of squared modes m and products p = a b of each setting: what values and errors are made of."""

    def __init__(self, d: int, settings: int, like: torch.Tensor) -> None:
        self.n = 0
        self.modes = like.new_zeros(d, d)  # m m'
        self.products, self.squares = like.new_zeros(settings), like.new_zeros(settings)  # p, p^2
        self.crossed = like.new_zeros(d, settings)  # m p
        self.with_a, self.with_b = like.new_zeros(d, settings), like.new_zeros(d, settings)  # m a, m b

    def add(self, m: torch.Tensor, g: torch.Tensor) -> None:
        """The squared modes (block, d) of a block of data."""
        a, b = m @ g, m @ g.square()
        p = a * b
        self.n += len(m)
        self.modes.addmm_(m.T, m)
        self.products += p.sum(0)
        self.squares += p.square().sum(0)
        self.crossed.addmm_(m.T, p)
        self.with_a.addmm_(m.T, a)
        self.with_b.addmm_(m.T, b)


def _value_and_error(
    sums: _Sums, i: int, c: torch.Tensor, g: torch.Tensor, kappa: float, n: int
) -> tuple[float, float]:
    """K and its error to first order: each datum moves E a b, and by its squared modes the variances c and kappa.

    What a datum turns the eigenvectors by is left out; it is of no effect where their signs do not matter.
    """
    mean = sums.products[i] / sums.n
    crossed = (c.square() * g**3).sum()
    first, second = (c * g).sum(), (c * g.square()).sum()
    scale = first * second + crossed
    value = (mean - crossed) / scale
    with_a, with_b = sums.with_a[:, i] / sums.n, sums.with_b[:, i] / sums.n

    def slope(
        of_mean: torch.Tensor, of_first: torch.Tensor, of_second: torch.Tensor, of_crossed: torch.Tensor
    ) -> torch.Tensor:
        of_scale = of_first * second + first * of_second + of_crossed
        return (of_mean - of_crossed - value * of_scale) / scale

    of_g = g.square() * with_b + 2 * g**3 * with_a
    by_variance = slope(-of_g, g - c * g**2, g**2 - 2 * c * g**3, 2 * c * g**3 - 3 * c**2 * g**4)
    by_kappa = slope(-of_g.sum(), -(c * g**2).sum(), -2 * (c * g**3).sum(), -3 * (c**2 * g**4).sum())
    moved = (kappa * g) ** 2 / n / (1 - (c * g).square().sum() / n)  # d kappa / d c
    gradient = by_variance + by_kappa * moved
    covariance = sums.modes / sums.n - torch.outer(c, c)
    together = sums.crossed[:, i] / sums.n - c * mean
    variance = (sums.squares[i] / sums.n - mean**2) / scale**2
    variance = variance + 2 * together @ gradient / scale + gradient @ covariance @ gradient
    return float(value), math.sqrt(max(float(variance), 0.0) / (sums.n - 1))
