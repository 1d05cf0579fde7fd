"""A linear measurement: some entries are known, the others are painted in."""

from __future__ import annotations

import torch

from ..._support import checks as check
from ..._support.types import ArrayLike
from ...errors import ArgumentError
from ._measure import Operator


def inpainting(known: ArrayLike) -> Operator:
    """The linear operator A that keeps the known entries of an event.

    Parameters
    ----------
    known : array of bool
        Mask of the known entries, shape (*event).

    Returns
    -------
    callable
        `operator(x)` for x of shape (batch, *event), which returns the m known entries, shape (batch, m).

    Raises
    ------
    ArgumentError
        Where `known` is not a boolean mask with at least one True.

    Examples
    --------
    >>> inpainting([[True, False], [False, True]])(torch.arange(8.0).reshape(2, 2, 2))
    tensor([[0., 3.],
            [4., 7.]])
    """
    mask = check.tensor("known", known)
    if mask.dtype != torch.bool or not bool(mask.any()):
        problem = "marks no entry" if mask.dtype == torch.bool else f"expected a boolean mask, got {mask.dtype}"
        raise ArgumentError("known", problem, "pass a boolean mask (*event) with at least one True")

    def operator(x: torch.Tensor) -> torch.Tensor:
        check.batch("x", x, mask.shape)
        return x[:, mask.to(x.device)]

    return operator
