"""Layers that the networks share, and their initialisation from a seed."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import nn

from ..._support import streams as _streams
from ..._support.types import ArrayLike
from ...errors import ShapeError


class NoiseEmbedding(nn.Module):
    """Sines and cosines of c_noise at geometrically spaced frequencies, through one layer."""

    def __init__(self, width: int, frequencies: int = 16) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.linear: nn.Linear = nn.Linear(2 * frequencies, width)

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        ramp = torch.linspace(math.log(0.5), math.log(32.0), self.frequencies, device=noise.device)
        angle = noise[:, None] * ramp.exp().to(noise.dtype)
        return self.linear(torch.cat([angle.cos(), angle.sin()], dim=1))


class ConditionEmbedding(nn.Module):
    """Class labels `(batch,)` or vectors `(batch, k)` to `(batch, width)`; a dropped condition becomes zero.

    A label of -1, or a vector with a NaN, means "no condition".
    """

    def __init__(self, n_classes: int, dimension: int, width: int) -> None:
        super().__init__()
        self.n_classes: int = n_classes
        self.dimension: int = dimension
        self.linear: nn.Linear = nn.Linear((n_classes or dimension) + 1, width, bias=False)

    def forward(self, condition: torch.Tensor | None, batch: int) -> torch.Tensor:
        weight = self.linear.weight
        if condition is None:
            return weight.new_zeros(batch, weight.shape[0])
        if self.n_classes:
            classes = torch.arange(self.n_classes, device=condition.device)
            features = (condition[:, None] == classes).to(weight.dtype)
            present = (condition >= 0).to(weight.dtype)[:, None]
        else:
            known = ~condition.isnan().any(dim=1, keepdim=True)
            features = torch.where(known, condition, torch.zeros_like(condition)).to(weight.dtype)
            present = known.to(weight.dtype)
        return self.linear(torch.cat([features, present], dim=1))

    def check(self, condition: ArrayLike, batch: int) -> torch.Tensor:
        """`condition` if it fits this embedding and a batch of that size (or is one condition for all of it)."""
        condition = torch.as_tensor(condition, device=self.linear.weight.device)
        if condition.ndim == (0 if self.n_classes else 1):
            condition = condition.expand(batch, *condition.shape)
        expected = (batch,) if self.n_classes else (batch, self.dimension)
        if tuple(condition.shape) != expected:
            raise ShapeError("condition", f"has shape {tuple(condition.shape)}", f"pass {expected}")
        if self.n_classes and (
            condition.is_floating_point() or bool(((condition < -1) | (condition >= self.n_classes)).any())
        ):
            raise ShapeError(
                "condition", "holds values that are not labels", f"pass integers 0 to {self.n_classes - 1}, -1 for none"
            )
        return condition


class Dropout(nn.Module):
    """Dropout whose mask comes from `generator`, drawn for the whole batch of which `rows` is our share."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None
        self.total: int | None = None
        self.rows: slice = slice(None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0 or self.generator is None:
            return x
        shape = (self.total or x.shape[0], *x.shape[1:])
        kept = torch.rand(shape, generator=self.generator, device=x.device)[self.rows] >= self.p
        return x * kept / (1 - self.p)


Layer = TypeVar("Layer", bound=nn.Module)
_ZERO = "starts_at_zero"


def zeroed(layer: Layer) -> Layer:
    """`layer`, marked to start at zero."""
    setattr(layer, _ZERO, True)
    return layer


@torch.no_grad()
def initialise(module: nn.Module, seed: int) -> None:
    """Weights ~ N(0, 1 / fan_in), each from its own stream; biases 0, scales of norms 1, marked layers 0."""
    for name, layer in module.named_modules():
        for key, parameter in layer.named_parameters(recurse=False):
            if getattr(layer, _ZERO, False):
                parameter.zero_()
            elif parameter.ndim < 2:
                parameter.fill_(1.0 if key == "weight" else 0.0)
            else:
                generator = _streams.torch_stream(seed, f"initial {name}.{key}")
                draws = torch.randn(parameter.shape, generator=generator)
                parameter.copy_(draws / math.sqrt(parameter[0].numel()))
