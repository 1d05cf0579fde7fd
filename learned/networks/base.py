"""What all networks share: a frozen configuration, a seeded start, and the contract `denoiser(x, sigma)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import ClassVar, Generic, cast

import torch
from torch import nn
from typing_extensions import TypeVar

from ..._support import checks as check
from ..._support.display import boxes
from ..._support.shapes import per_row
from ..._support.typed import typed
from ..._support.types import ArrayLike, Points, Record, Sigma
from ...errors import ArgumentError, UnknownNameError
from .layers import ConditionEmbedding, Dropout, initialise
from .preconditioning import Preconditioning


@typed
@dataclass(frozen=True)
class NetworkConfig:
    """Options that every network has; a network's own configuration adds to them.

    Parameters
    ----------
    shape : tuple of int
        Event shape of the data, e.g. (channels, height, width).
    sigma_data : float
        Standard deviation of the data.
    head : {"edm", "eps", "v"}
        What the raw network predicts (see `Preconditioning`).
    n_classes : int
        A class label 0 ... n_classes - 1 may be passed as `condition=`; 0 for none.
    condition_dim : int
        A vector of this length may be passed as `condition=`; 0 for none.

    Raises
    ------
    ArgumentError
        Where a size is not an integer in its range, `shape` is empty, or both kinds of condition are asked for.

    Examples
    --------
    >>> NetworkConfig((1, 8, 8), n_classes=10).conditional
    True
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
            raise ArgumentError("condition_dim", "is set next to n_classes", "choose one of the two")

    @property
    def conditional(self) -> bool:
        """Whether the network takes a condition."""
        return bool(self.n_classes or self.condition_dim)

    def image(self, minimum: int = 1) -> tuple[int, int, int]:
        """The shape as an image, for networks that need one.

        Parameters
        ----------
        minimum : int
            Smallest height and width, in pixels.

        Returns
        -------
        tuple of int
            (channels, height, width).
        """
        if len(self.shape) != 3 or min(self.shape[1:]) < minimum:
            raise ArgumentError(
                "shape", f"is {self.shape}", f"pass (channels, height, width) of at least {minimum} pixels"
            )
        channels, height, width = self.shape
        return channels, height, width


C = TypeVar("C", bound=NetworkConfig, covariant=True, default=NetworkConfig)


def configured(kind: type[NetworkConfig], options: Record) -> NetworkConfig:
    """An instance of the configuration `kind`; an unknown option is named in the error."""
    known = [field.name for field in fields(kind)]
    for name in options:
        if name not in known:
            raise UnknownNameError("option", name, known)
    given: Record = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    return kind(**given)


def size_text(n: int) -> str:
    """A number of weights for a reader.

    >>> size_text(546), size_text(440_000)
    ('546 parameters', '0.44 M parameters')
    """
    return f"{n} parameters" if n < 5000 else f"{n / 1e6:.2f} M parameters"


def place_text(module: nn.Module) -> str:
    """Type and device of the weights of `module`, "float32, cpu"; nothing for a module without any."""
    weight = next(module.parameters(), None)
    return "no weights" if weight is None else f"{str(weight.dtype).removeprefix('torch.')}, {weight.device}"


@typed
class NetworkDenoiser(nn.Module, Generic[C]):
    """A network that obeys `denoiser(x, sigma, condition=None) -> E[x0 | x]` for x = x0 + sigma n.

    `x` is `(batch, *shape)`, `sigma` a number or `(batch,)`; the result is like `x`. A subclass names its `Config`,
    makes its layers in `build` and computes F in `body`; the weights depend on (configuration, seed) alone.

    Parameters
    ----------
    shape : sequence of int
        Event shape of the data, e.g. (channels, height, width).
    seed : int
        Of the initial weights.
    **options
        Of the configuration; every network has the following.

    Other Parameters
    ----------------
    sigma_data : float
        Standard deviation of the data, 0.5 by default.
    head : {"edm", "eps", "v"}
        What the raw network predicts (see `Preconditioning`), "edm" by default.
    n_classes : int
        A class label 0 ... n_classes - 1 may be passed as `condition=`, -1 for "no class".
    condition_dim : int
        A vector of this length may be passed as `condition=`, NaN for "no condition".

    Attributes
    ----------
    config : NetworkConfig
        The options, of the class `Config`.
    preconditioning : Preconditioning
        How the raw network F becomes the denoiser.
    metadata : dict
        What stood next to the weights in the file that the network was loaded from; else empty.

    Raises
    ------
    UnknownNameError
        On an unknown option.
    ShapeError, NoiseLevelError, ArgumentError
        On unsuitable options; when called, on an input that does not fit.

    Examples
    --------
    >>> from idealscore.learned.networks import MLPDenoiser
    >>> net = MLPDenoiser((1, 8, 8), width=128, n_classes=10)
    >>> net
    MLPDenoiser(event=(1, 8, 8), width=128, n_classes=10, 0.17 M parameters, float32, cpu)
    >>> net(torch.zeros(5, 1, 8, 8), 1.0, condition=torch.arange(5)).shape
    torch.Size([5, 1, 8, 8])
    """

    name: ClassVar[str]
    Config: ClassVar[type[NetworkConfig]]
    config: C
    condition: ConditionEmbedding
    preconditioning: Preconditioning
    metadata: Record

    def __init__(self, shape: Sequence[int], *, seed: int = 0, **options: object) -> None:
        self._lay_out(shape, options)
        self.to(torch.float32).to_empty(device="cpu")
        initialise(self, seed)

    def _lay_out(self, shape: Sequence[int], options: Record) -> None:
        """The layers, without memory for their weights."""
        super().__init__()
        self.metadata = {}
        self.config = cast(C, configured(self.Config, {"shape": tuple(shape), **options}))
        self.preconditioning = Preconditioning(self.config.head, self.config.sigma_data)
        with torch.device("meta"):
            self.build()

    @classmethod
    def count(cls, shape: Sequence[int], **options: object) -> int:
        """How many numbers a network of this configuration holds, found without taking memory for them.

        Parameters
        ----------
        shape : sequence of int
            Event shape of the data.
        **options
            As those of the network.

        Returns
        -------
        int
            The number of weights.
        """
        network = cls.__new__(cls)
        network._lay_out(shape, options)  # noqa: SLF001
        return sum(tensor.numel() for tensor in network.state_dict().values())

    def build(self) -> None:
        """Make the layers that `config` asks for; every subclass has its own."""
        raise NotImplementedError

    def body(self, x: torch.Tensor, noise: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        """The raw network F; every subclass has its own.

        Parameters
        ----------
        x : torch.Tensor
            `(batch, *shape)`, scaled by c_in.
        noise : torch.Tensor
            `(batch,)`, c_noise.
        condition : torch.Tensor or None
            Labels `(batch,)` or vectors `(batch, k)`.

        Returns
        -------
        torch.Tensor
            F, `(batch, *shape)`.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary()}, {size_text(self.n_parameters)}, {place_text(self)})"

    def _repr_html_(self) -> str:
        return boxes.from_line(repr(self))

    def summary(self) -> str:
        """The event shape and the options that matter, on one line.

        Returns
        -------
        str
            The event shape, the width, and the options that are not at their defaults (but for `sigma_data`).
        """
        options = {field.name: getattr(self.config, field.name) for field in fields(self.config)}
        shown = {"event": options.pop("shape")} | ({"width": options.pop("width")} if "width" in options else {})
        usual = {field.name: field.default for field in fields(self.config)}
        shown |= {name: v for name, v in options.items() if name != "sigma_data" and v != usual[name]}
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())

    @property
    def shape(self) -> tuple[int, ...]:
        """Event shape of the data."""
        return self.config.shape

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights."""
        return next(self.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def n_parameters(self) -> int:
        """How many weights there are."""
        return sum(parameter.numel() for parameter in self.parameters())

    def describe(self) -> Record:
        """The configuration as plain data, from which `networks.build` makes the network again.

        Returns
        -------
        dict
            The name of the network and its options.
        """
        return {"network": self.name, **asdict(self.config)}

    def forward(self, x: Points, sigma: Sigma, condition: ArrayLike | None = None) -> Points:
        """E[x0 | x], what a call of the network gives.

        Parameters
        ----------
        x : torch.Tensor
            `(batch, *shape)`, floating point.
        sigma : float or torch.Tensor
            Noise level, a number or `(batch,)`, >= 0.
        condition : array_like, optional
            A label or a vector, one for all or one for each of `x`.

        Returns
        -------
        torch.Tensor
            Like `x`.
        """
        check.batch("x", x, self.config.shape)
        if condition is not None:
            if not self.config.conditional:
                raise ArgumentError(
                    "condition", "is given to an unconditional network", "build it with n_classes or condition_dim"
                )
            condition = self.condition.check(condition, x.shape[0])
        return self.denoise(x, check.sigmas("sigma", sigma, x), condition)

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """`forward` without checks, for compiled and batched use.

        Parameters
        ----------
        x : torch.Tensor
            `(batch, *shape)`.
        sigma : torch.Tensor
            `(batch,)`.
        condition : torch.Tensor, optional
            Labels `(batch,)` or vectors `(batch, k)`.

        Returns
        -------
        torch.Tensor
            E[x0 | x], like `x`.
        """
        c = self.preconditioning(sigma)
        skip, out, inner = (per_row(factor, x) for factor in c[:3])
        raw = self.body((inner * x).to(self.dtype), c.noise.to(self.dtype), condition)
        return skip * x + out * raw.to(x.dtype)

    def seed_dropout(
        self, generator: torch.Generator | None, total: int | None = None, rows: slice = slice(None)
    ) -> None:
        """Where the masks of dropout come from in the next passes in training mode.

        Parameters
        ----------
        generator : torch.Generator or None
            Random numbers of the masks; None for no dropout at all.
        total : int, optional
            Number of images in the whole batch, for which the masks are drawn; by default that of the input.
        rows : slice
            Which of them the input is.
        """
        for layer in self.modules():
            if isinstance(layer, Dropout):
                layer.generator, layer.total, layer.rows = generator, total, rows

    def add_condition(self, width: int) -> None:
        """Add the embedding of the condition as the layer `condition`, where the configuration asks for one.

        Parameters
        ----------
        width : int
            Number of features.
        """
        if self.config.conditional:
            self.condition = ConditionEmbedding(self.config.n_classes, self.config.condition_dim, width)
