"""Data are not Gaussian: by which factor the fourth moments change the disagreement of two training sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from ..._support import checks as check
from ..._support.estimates import mean_error
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
        Its standard error over the data.
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
    return factors(points, [(n, sigma)])[0]


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
    kappas = [top * solve(spectrum / top, float(n), scaled_level(sigma, top)) for n, sigma in settings]
    g = torch.stack([1 / (c + kappa) for kappa in kappas], dim=1)
    products = []
    for block in points.split(BLOCK):
        centred = block.double() - mean
        modes = (centred if basis is None else centred @ basis)[:, positive].square()
        products.append((modes @ g) * (modes @ g.square()))
    means, errors = mean_error(torch.cat(products).numpy(force=True))
    crossed = (c.square()[:, None] * g**3).sum(0).numpy(force=True)
    df1 = (c[:, None] * g).sum(0).numpy(force=True)
    scale = df1 * (c[:, None] * g.square()).sum(0).numpy(force=True) + crossed
    return [
        KurtosisFactor(float(value), float(error), float(used) / n)
        for value, error, used, (n, _) in zip((means - crossed) / scale, errors / scale, df1, settings, strict=True)
    ]
