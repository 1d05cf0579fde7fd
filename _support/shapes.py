"""Shapes that broadcast."""

from __future__ import annotations

import torch


def per_row(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """`values` `(n,)` as `(n, 1, ..., 1)`, one for each row of `like` `(n, *event)`."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
