"""The two arithmetics of belief propagation: plain numbers, and logarithms for evidence that would underflow.

Columns are independent: `w` is (rules, columns), grouped into equal runs of rows or scattered to rows by `index`.
"""

from __future__ import annotations

import torch


def safe_log(total: torch.Tensor) -> torch.Tensor:
    """The logarithm, -inf with gradient zero at 0."""
    some = total > 0
    return torch.where(some, torch.where(some, total, 1).log(), -torch.inf)


class Plain:
    """Sum and product."""

    compiled = True  # has loops in _kernels

    @staticmethod
    def times(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a * b

    @staticmethod
    def enter(values: torch.Tensor, log: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Likelihoods, or their logarithms, rescaled into this arithmetic, and the log of what was divided out."""
        if not log:
            return Plain.rescale(values)
        values, largest = Logarithmic.rescale(values)
        return values.exp(), largest

    @staticmethod
    def normalise(w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`w` as probabilities along dimension 0, and the logarithm of its sum."""
        total = w.sum(0)
        return w / torch.where(total > 0, total, 1), safe_log(total)

    @staticmethod
    def add(w: torch.Tensor, groups: int) -> torch.Tensor:
        """(groups, columns): sum over runs of equal length."""
        return w.view(groups, -1, w.shape[-1]).sum(1)

    @staticmethod
    def scatter(w: torch.Tensor, index: torch.Tensor, rows: int) -> torch.Tensor:
        """(rows, columns): sum of the rows of `w` that share an index."""
        return w.new_zeros(rows, w.shape[1]).index_add(0, index, w)

    @staticmethod
    def rescale(w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`w` over its largest entry along dimension 0, and the logarithm of that entry (a constant to autograd)."""
        largest = w.detach().amax(0)
        return w / torch.where(largest > 0, largest, 1), largest.log()


class Logarithmic:
    """Log-sum-exp and sum; a sum without terms is -inf and has gradient zero."""

    compiled = False

    @staticmethod
    def times(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a + b

    @staticmethod
    def enter(values: torch.Tensor, log: bool) -> tuple[torch.Tensor, torch.Tensor]:
        return Logarithmic.rescale(values if log else safe_log(values))

    @staticmethod
    def normalise(w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        w, largest = Logarithmic.rescale(w)
        probabilities, log_total = Plain.normalise(w.exp())
        return probabilities, log_total + largest

    @staticmethod
    def add(w: torch.Tensor, groups: int) -> torch.Tensor:
        w = w.view(groups, -1, w.shape[-1])
        largest = w.detach().amax(1)
        largest = torch.where(largest > -torch.inf, largest, 0)
        return safe_log((w - largest[:, None]).exp().sum(1)) + largest

    @staticmethod
    def scatter(w: torch.Tensor, index: torch.Tensor, rows: int) -> torch.Tensor:
        largest = w.new_full((rows, w.shape[1]), -torch.inf)
        largest = largest.scatter_reduce(0, index[:, None].expand_as(w), w.detach(), "amax")
        largest = torch.where(largest > -torch.inf, largest, 0)
        total = w.new_zeros(rows, w.shape[1]).index_add(0, index, (w - largest[index]).exp())
        return safe_log(total) + largest

    @staticmethod
    def rescale(w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        largest = w.detach().amax(0)
        return w - torch.where(largest > -torch.inf, largest, 0), largest
