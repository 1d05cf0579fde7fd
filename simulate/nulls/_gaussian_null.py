"""Gaussian data of the same mean and covariance: what is due to the spectrum alone."""

from __future__ import annotations

import torch

from ..._support import checks as check
from ..._support.streams import normal_batch
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import CovarianceError
from ...theory.covariance import moments

BLOCK = 4096


@typed
def gaussian_null(data: ArrayLike, seed: int = 0) -> torch.Tensor:
    r"""As many draws of the Gaussian with the mean and covariance of the data: \( \mu + C^{1/2} z \).

    A surrogate in the sense of [@Theiler1992]: it keeps the spectrum up to the sampling error of n draws, and nothing
    else, no classes, no edges, no bounds of pixel values.

    Parameters
    ----------
    data : array_like, shape (n, *event)
        Two or more.
    seed : int
        Of the draws, one stream for each datum.

    Returns
    -------
    tensor (n, *event)
        In the dtype and on the device of the data.

    Raises
    ------
    CovarianceError
        Where the data do not vary.
    EmptyDataError
        For fewer than two data.

    Examples
    --------
    >>> y = torch.tensor([[1.0, 0.0], [1.0, 2.0], [1.0, 4.0]])
    >>> null = gaussian_null(y)
    >>> null.shape, null[:, 0].round(decimals=4)
    (torch.Size([3, 2]), tensor([1., 1., 1.]))
    """
    points = varying(data)
    mean, covariance = moments(points.flatten(1))
    assert covariance.basis is not None
    root = (covariance.basis * covariance.eigenvalues.sqrt()).T
    parts = []
    for start in range(0, len(points), BLOCK):
        rows = range(start, min(start + BLOCK, len(points)))
        z = normal_batch(seed, "gaussian-null", rows, (len(root),)).to(root)
        parts.append((mean + z @ root).to(points))
    return torch.cat(parts).reshape(points.shape)


def varying(data: ArrayLike) -> torch.Tensor:
    """Data `(n, *event)`, two or more, that vary."""
    points = check.dataset("data", data, minimum=2)
    if bool((points == points[:1]).all()):
        raise CovarianceError("data", "holds the same datum only", "pass data that vary")
    return points
