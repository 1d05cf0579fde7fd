"""What all networks share: a frozen configuration, a seeded start, and the contract `denoiser(x, sigma)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import torch
from torch import nn

from ..._support import checks as check
from ...errors import ArgumentError, UnknownNameError
from .layers import ConditionEmbedding, Dropout, initialise
from .preconditioning import Preconditioning


@dataclass(frozen=True)
class NetworkConfig:
    """Options that every network has.

    shape: event shape of the data, e.g. (channels, height, width).
    sigma_data: standard deviation of the data. head: "edm", "eps" or "v" (see `Preconditioning`).
    n_classes or condition_dim: a class label or a vector of that length may be passed as `condition=`.
    """

    shape: tuple[int, ...]
    sigma_data: float = 0.5
    head: str = "edm"
    n_classes: int = 0
    condition_dim: int = 0

    def __post_init__(self) -> None:
        shape = tuple(check.integer("shape", size, 1) for size in self.shape)
        if not shape:
            raise ArgumentError("shape", "is empty", "pass the shape of one datum, e.g. (1, 8, 8)")
        object.__setattr__(self, "shape", shape)
        check.integer("n_classes", self.n_classes, 0)
        check.integer("condition_dim", self.condition_dim, 0)
        if self.n_classes and self.condition_dim:
            raise ArgumentError("condition_dim", "is set beside n_classes", "choose one of the two")

    @property
    def conditional(self) -> bool:
        return bool(self.n_classes or self.condition_dim)

    def image(self, minimum: int = 1) -> tuple[int, int, int]:
        """(channels, height, width), for networks that need an image."""
        if len(self.shape) != 3 or min(self.shape[1:]) < minimum:
            raise ArgumentError(
                "shape", f"is {self.shape}", f"pass (channels, height, width) of at least {minimum} pixels"
            )
        return self.shape  # type: ignore[return-value]


def configured(kind: Any, options: dict[str, Any]) -> NetworkConfig:
    """An instance of the configuration `kind`; an unknown option is named."""
    known = [field.name for field in fields(kind)]
    for name in options:
        if name not in known:
            raise UnknownNameError("option", name, known)
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in options.items()})


class NetworkDenoiser(nn.Module):
    """A network that obeys `denoiser(x, sigma, condition=None) -> E[x0 | x]` for x = x0 + sigma n.

    `x` is `(batch, *shape)`, `sigma` a number or `(batch,)`. A subclass names its `Config`, makes its layers in
    `build` and computes F in `body`; the weights depend on (configuration, seed) alone.

    Raises ShapeError, NoiseLevelError or ArgumentError on unfit input, UnknownNameError on an unknown option.
    """

    name: ClassVar[str]
    Config: ClassVar[type[NetworkConfig]]

    def __init__(self, shape: Sequence[int], *, seed: int = 0, **options: Any) -> None:
        self._lay_out(shape, options)
        self.to(torch.float32).to_empty(device="cpu")
        initialise(self, seed)

    def _lay_out(self, shape: Sequence[int], options: dict[str, Any]) -> None:
        """The layers, without memory for their weights."""
        super().__init__()
        self.config: Any = configured(self.Config, {"shape": tuple(shape), **options})
        self.preconditioning = Preconditioning(self.config.head, self.config.sigma_data)
        with torch.device("meta"):
            self.build()

    @classmethod
    def count(cls, shape: Sequence[int], **options: Any) -> int:
        """How many numbers a network of this configuration holds, found without taking memory for them."""
        network = cls.__new__(cls)
        network._lay_out(shape, options)
        return sum(tensor.numel() for tensor in network.state_dict().values())

    def build(self) -> None:
        raise NotImplementedError

    def body(self, x: torch.Tensor, noise: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        """Event shape of the data."""
        return self.config.shape

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def n_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())

    def describe(self) -> dict[str, Any]:
        """The configuration as plain data, from which `networks.build` makes the network again."""
        return {"network": self.name, **asdict(self.config)}

    def forward(self, x: torch.Tensor, sigma: Any, condition: Any = None) -> torch.Tensor:
        check.batch("x", x, self.config.shape)
        if condition is not None:
            if not self.config.conditional:
                raise ArgumentError(
                    "condition", "is given to an unconditional network", "build it with n_classes or condition_dim"
                )
            condition = self.condition.check(condition, x.shape[0])
        return self.denoise(x, check.sigmas("sigma", sigma, x), condition)

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """`forward` without checks, for compiled and batched use: `sigma` is a tensor `(batch,)`."""
        c = self.preconditioning(sigma)
        skip, out, inner = (factor.reshape(-1, *[1] * (x.ndim - 1)) for factor in c[:3])
        raw = self.body((inner * x).to(self.dtype), c.noise.to(self.dtype), condition)
        return skip * x + out * raw.to(x.dtype)

    def seed_dropout(
        self, generator: torch.Generator | None, total: int | None = None, rows: slice = slice(None)
    ) -> None:
        """Where the masks of the next passes in training mode come from; none at all without a generator."""
        for layer in self.modules():
            if isinstance(layer, Dropout):
                layer.generator, layer.total, layer.rows = generator, total, rows

    def add_condition(self, width: int) -> None:
        """The embedding of the condition, where the configuration asks for one."""
        if self.config.conditional:
            self.condition = ConditionEmbedding(self.config.n_classes, self.config.condition_dim, width)
