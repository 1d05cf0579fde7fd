"""Derivatives of a scalar function along a direction: by automatic differentiation, or by finite differences.

`phi` maps `(batch, *event)` to `(batch,)`, sample by sample. Every derivative that the identities need (a Jacobian
between two directions, a Laplacian, a third cumulant) is one of these, so that nothing dense is ever formed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

Scalar = Callable[[torch.Tensor], torch.Tensor]

# central differences of order eight: weights of f(k h), k = 1 ... 4, and of f(0) for the second derivative
FIRST = (4 / 5, -1 / 5, 4 / 105, -1 / 280)
SECOND = (8 / 5, -1 / 5, 8 / 315, -1 / 560)
SECOND_CENTRE = -205 / 72


def dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """`(batch,)`: the inner product of each pair of events."""
    return (a * b).flatten(1).sum(1)


def norm(a: torch.Tensor) -> torch.Tensor:
    """`(batch,)`: the Euclidean length of each event."""
    return a.flatten(1).norm(dim=1)


def relative_step(dtype: torch.dtype) -> float:
    """The step of a finite difference, in units of the length on which the function varies."""
    return 1e-3 if dtype == torch.float64 else 0.03


def gradient(phi: Scalar, x: torch.Tensor) -> torch.Tensor | None:
    """grad phi as `(batch, *event)`; None where `phi` keeps no graph. Zero where the graph does not reach `x`."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = phi(x)
        if not value.requires_grad:
            return None
        (slope,) = torch.autograd.grad(value.sum(), x, allow_unused=True)
    return torch.zeros_like(x) if slope is None else slope.detach()


def automatic(phi: Scalar, x: torch.Tensor, direction: torch.Tensor, order: int) -> list[torch.Tensor] | None:
    """[d phi, d^2 phi, ...] along `direction` up to `order`, each `(batch,)`; None where there is no graph."""
    derivatives = []
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = phi(x)
        if not value.requires_grad:
            return None
        for k in range(order):
            slope = None
            if value.requires_grad:
                (slope,) = torch.autograd.grad(value.sum(), x, create_graph=k + 1 < order, allow_unused=True)
            value = torch.zeros_like(value) if slope is None else dot(slope, direction)
            derivatives.append(value.detach())
    return derivatives


@torch.no_grad()
def finite(phi: Scalar, x: torch.Tensor, direction: torch.Tensor, step: float, order: int = 1) -> torch.Tensor:
    """The first or second derivative along `direction` by central differences of order eight."""
    if order == 1:
        pairs = [(phi(x + k * step * direction) - phi(x - k * step * direction)) for k in range(1, 5)]
        return sum((w * pair for w, pair in zip(FIRST, pairs, strict=True)), torch.zeros_like(pairs[0])) / step
    pairs = [(phi(x + k * step * direction) + phi(x - k * step * direction)) for k in range(1, 5)]
    return sum((w * pair for w, pair in zip(SECOND, pairs, strict=True)), SECOND_CENTRE * phi(x)) / step**2


def along(phi: Scalar, x: torch.Tensor, direction: torch.Tensor, order: int, step: float) -> list[torch.Tensor]:
    """[d phi, ..., d^order phi] along `direction`, each `(batch,)`, automatic where `phi` allows it.

    >>> x = torch.tensor([[2.0]], dtype=torch.float64)
    >>> [float(d) for d in along(lambda x: x[:, 0] ** 3, x, torch.ones_like(x), 3, 1e-3)]
    [12.0, 12.0, 6.0]
    """
    try:
        derivatives = automatic(phi, x, direction, order)
    except (RuntimeError, NotImplementedError):
        derivatives = None
    if derivatives is not None:
        return derivatives
    wide = 20 * step
    numerical = [finite(phi, x, direction, step), finite(phi, x, direction, wide, order=2)]
    if order > 2:
        curvature = lambda y: finite(phi, y, direction, wide, order=2)  # noqa: E731
        numerical.append(finite(curvature, x, direction, wide))
    return numerical[:order]


def slope_in(function: Callable[[float], torch.Tensor], value: float, step: float) -> torch.Tensor:
    """d function / d value for a number `value`, by central differences of order eight.

    >>> round(float(slope_in(lambda s: torch.tensor(s**3, dtype=torch.float64), 2.0, 1e-3)), 9)
    12.0
    """
    pairs = [function(value + k * step) - function(value - k * step) for k in range(1, 5)]
    return sum((w * pair for w, pair in zip(FIRST, pairs, strict=True)), torch.zeros_like(pairs[0])) / step
