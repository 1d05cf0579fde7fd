"""Sums over data behind their mean and covariance, block by block, in float64."""

from __future__ import annotations

import torch

from ..errors import CovarianceError
from ._eigenvalues import rank_cut

BLOCK = 4096
"""Data that are read at once."""

STRIP = 256
"""Rows of a scatter matrix that are summed up at once."""


def mean_of(data: torch.Tensor, block_size: int = BLOCK) -> torch.Tensor:
    """The mean `(d,)` of data `(n, d)`."""
    total = data.new_zeros(data.shape[1]).double()
    for block in data.split(block_size):
        total = total + block.double().sum(0)
    return total / len(data)


def scatter_of(data: torch.Tensor, mean: torch.Tensor, block_size: int = BLOCK) -> torch.Tensor:
    """sum_i (y_i - mean) (y_i - mean)^T, `(d, d)`: the upper half is summed up and mirrored."""
    dim = data.shape[1]
    scatter = data.new_zeros(dim, dim).double()
    for block in data.split(block_size):
        centred = block.double() - mean
        for first in range(0, dim, STRIP):
            rows = slice(first, first + STRIP)
            scatter[rows, first:].addmm_(centred[:, rows].T, centred[:, first:])
    upper = scatter.triu()
    return upper + upper.triu(1).T


def eigenvalues_of(data: torch.Tensor) -> torch.Tensor:
    """The eigenvalues > 0 of the covariance (divided by n) of data `(n, d)`, largest first, without eigenvectors.

    >>> eigenvalues_of(torch.tensor([[0.0, 1.0], [2.0, 1.0], [1.0, 1.0], [1.0, 1.0]])).round(decimals=9).tolist()
    [0.5]
    """
    n, dim = data.shape
    mean = mean_of(data)
    if n <= dim:
        centred = data.double() - mean
        gram = centred @ centred.T
    else:
        gram = scatter_of(data, mean)
    values = rank_cut(torch.linalg.eigvalsh(gram / n), 8 * max(n, dim)).flip(0)
    if not bool((values > 0).any()):
        raise CovarianceError("source", "has a covariance of rank zero", "pass data that vary")
    return values[values > 0]
