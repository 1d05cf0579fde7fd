"""A small classifier of images, trained here: classes of generated samples, and features layer by layer.

It judges what a denoiser makes: which class a clone ends in, how alike two images are at each depth. It is trained on
the labels of the same images that the denoiser saw, from the same keyed streams, and saved as safetensors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

from ..._support import checks as check
from ..._support.display.boxes import Boxed
from ..._support.estimates import mean_error
from ..._support.typed import typed
from ..._support.types import Device, FilePath, Points, Record
from ...errors import ArgumentError, CheckpointError
from .._tensor_files import fill, read_tensors, write_tensors
from ..data.images import ImageData
from ..networks.base import place_text, size_text
from ..networks.layers import initialise

FORMAT = "idealscore classifier 1"
KINDS = ("mlp", "conv")


@dataclass(frozen=True)
class ClassifierConfig:
    """Options of `Classifier`, which documents them."""

    shape: tuple[int, ...]
    n_classes: int
    kind: str = "conv"
    width: int = 32
    depth: int = 3

    def __post_init__(self) -> None:
        shape = tuple(check.integer("shape", size, 1) for size in self.shape)
        object.__setattr__(self, "shape", shape)
        check.integer("n_classes", self.n_classes, 2)
        check.choice("kind", self.kind, KINDS)
        check.integer("width", self.width, 1)
        halvings = 2 ** (check.integer("depth", self.depth, 1) - 1)
        if self.kind == "conv" and (len(shape) != 3 or any(size % halvings for size in shape[1:])):
            raise ArgumentError(
                "depth",
                f"{self.depth} halves the shape {shape} {self.depth - 1} times",
                "pass fewer stages, or the kind 'mlp'",
            )


def _stage(inputs: int, outputs: int, halve: bool) -> nn.Sequential:
    groups = math.gcd(8, outputs)
    layers: list[nn.Module] = [nn.AvgPool2d(2)] if halve else []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.GroupNorm(groups, outputs), nn.SiLU()]
    return nn.Sequential(*layers)


@typed
class Classifier(nn.Module, Boxed):
    """Class probabilities and features of images `(batch, *shape)`.

    `classifier(x)` are the logits `(batch, n_classes)`. Weights depend on (configuration, seed) alone.

    Parameters
    ----------
    shape : sequence of int
        (channels, height, width) of the images, or any event shape for the kind "mlp".
    n_classes : int
        Of the labels, at least 2.
    seed : int
        Of the initial weights.
    **options
        The following.

    Other Parameters
    ----------------
    kind : {"conv", "mlp"}
        "mlp": `depth` hidden layers of `width` units; "conv", the default: `depth` stages of two convolutions, the
        first with `width` channels, each next one with twice as many at half the resolution.
    width : int
        Units or channels, 32 by default.
    depth : int
        Layers or stages, 3 by default.

    Attributes
    ----------
    metadata : dict
        What is known of the training.

    Raises
    ------
    ArgumentError
        On an option outside its range, or more stages than the images can be halved.
    UnknownNameError
        On an unknown kind.
    TypeError
        On an unknown option.

    Examples
    --------
    >>> net = Classifier((1, 8, 8), 10, kind="mlp", width=16, depth=2)
    >>> net
    Classifier(event=(1, 8, 8), classes=10, kind='mlp', width=16, depth=2, 1546 parameters, float32, cpu)
    >>> net.layers, net.probabilities(torch.zeros(3, 1, 8, 8)).shape
    (('hidden 1', 'hidden 2', 'logits'), torch.Size([3, 10]))
    >>> net.features(torch.zeros(3, 1, 8, 8)).shape
    torch.Size([3, 16])
    """

    metadata: Record

    def __init__(self, shape: Sequence[int], n_classes: int, *, seed: int = 0, **options: object) -> None:
        super().__init__()
        given: Record = options
        self.config: ClassifierConfig = ClassifierConfig(tuple(shape), n_classes, **given)
        self.metadata = {}
        with torch.device("meta"):
            self.stages: nn.ModuleDict = nn.ModuleDict(self._mlp() if self.config.kind == "mlp" else self._conv())
        self.to(torch.float32).to_empty(device="cpu")
        initialise(self, seed)

    def _mlp(self) -> dict[str, nn.Module]:
        width, size = self.config.width, math.prod(self.config.shape)
        inputs = [size, *[width] * (self.config.depth - 1)]
        stages: dict[str, nn.Module] = {
            f"hidden {i}": nn.Sequential(nn.Flatten(), nn.Linear(n, width), nn.LayerNorm(width), nn.SiLU())
            for i, n in enumerate(inputs, 1)
        }
        return stages | {"logits": nn.Linear(width, self.config.n_classes)}

    def _conv(self) -> dict[str, nn.Module]:
        config = self.config
        widths = [config.shape[0], *(config.width * 2**i for i in range(config.depth))]
        stages: dict[str, nn.Module] = {
            f"stage {i}": _stage(inputs, outputs, halve=i > 1)
            for i, (inputs, outputs) in enumerate(pairwise(widths), 1)
        }
        pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return stages | {"pooled": pooled, "logits": nn.Linear(widths[-1], config.n_classes)}

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers from shallow to deep; the last is "logits"."""
        return tuple(self.stages)

    def __repr__(self) -> str:
        config, size = self.config, size_text(sum(parameter.numel() for parameter in self.parameters()))
        options = f"kind={config.kind!r}, width={config.width}, depth={config.depth}"
        return f"Classifier(event={config.shape}, classes={config.n_classes}, {options}, {size}, {place_text(self)})"

    def activations(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """The output of every layer.

        Parameters
        ----------
        x : torch.Tensor
            Images `(batch, *shape)`.

        Returns
        -------
        dict
            `{layer: (batch, channels, ...)}`, from shallow to deep.

        Raises
        ------
        ShapeError, ArgumentError
            Where `x` does not fit.
        """
        weight = next(self.parameters())
        h, found = check.batch("x", x, self.config.shape).to(weight), {}
        for name, stage in self.stages.items():
            h = found[name] = stage(h)
        return found

    def forward(self, x: Points) -> Points:
        """The logits, what a call of the classifier gives.

        Parameters
        ----------
        x : torch.Tensor
            Images `(batch, *shape)`.

        Returns
        -------
        torch.Tensor
            `(batch, n_classes)`.
        """
        return self.activations(x)["logits"]

    def features(self, x: torch.Tensor, layer: str | None = None) -> torch.Tensor:
        """The output of one layer, flattened.

        Parameters
        ----------
        x : torch.Tensor
            Images `(batch, *shape)`.
        layer : str, optional
            One of `layers`; by default the one before the logits.

        Returns
        -------
        torch.Tensor
            `(batch, f)`.
        """
        layer = self.layers[-2] if layer is None else check.choice("layer", layer, self.layers)
        return self.activations(x)[layer].flatten(1)

    def probabilities(self, x: torch.Tensor, batch_size: int = 512) -> torch.Tensor:
        """Probabilities of the classes, without gradients.

        Parameters
        ----------
        x : torch.Tensor
            Images `(n, *shape)`.
        batch_size : int
            Images at a time.

        Returns
        -------
        torch.Tensor
            `(n, n_classes)`, float64.
        """
        with torch.no_grad():
            return torch.cat([self(part).double().softmax(1) for part in x.split(batch_size)])

    def classes(self, x: torch.Tensor) -> torch.Tensor:
        """The most probable class of each image.

        Parameters
        ----------
        x : torch.Tensor
            Images `(n, *shape)`.

        Returns
        -------
        torch.Tensor
            `(n,)` integers.
        """
        return self.probabilities(x).argmax(1)

    def accuracy(self, data: ImageData) -> tuple[float, float]:
        """How many images are seen as what their label says.

        Parameters
        ----------
        data : ImageData
            Images with labels.

        Returns
        -------
        tuple of float
            The share of the images whose most probable class is their label, and its standard error.

        Raises
        ------
        ArgumentError
            Where `data` has no labels.
        """
        if data.labels is None:
            raise ArgumentError("data", "has no labels", "load it with a label column")
        value, error = mean_error((self.classes(data.images).cpu() == data.labels).double().numpy())
        return float(value), float(error)

    def save(self, path: FilePath) -> Path:
        """Write weights, configuration and `metadata` as safetensors.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        Path
            `path`.
        """
        write_tensors(
            path, self.state_dict(), {"format": FORMAT, "classifier": asdict(self.config), "training": self.metadata}
        )
        return Path(path)

    @classmethod
    def load(cls, path: FilePath, device: Device = "cpu") -> Classifier:
        """A saved classifier.

        Parameters
        ----------
        path : str or Path
            A file that `save` wrote.
        device : str or torch.device
            Where the classifier shall be.

        Returns
        -------
        Classifier
            In evaluation mode, without gradients.

        Raises
        ------
        CheckpointError
            Where the file is missing, truncated, damaged, foreign or a pickle.
        """
        tensors, metadata = read_tensors(path)
        if metadata.get("format") != FORMAT:
            raise CheckpointError(
                "path", f"{path} does not hold an idealscore classifier", "pass one that `save` wrote"
            )
        options = dict(metadata["classifier"])
        classifier = cls(options.pop("shape"), options.pop("n_classes"), **options)
        fill(classifier, tensors, path)
        classifier.metadata = metadata["training"]
        return classifier.to(device).eval().requires_grad_(False)
