"""A small classifier of images, trained here: classes of generated samples, and features layer by layer.

It judges what a denoiser makes: which class a clone ends in, how alike two images are at each depth. It is trained on
the labels of the same images that the denoiser saw, from the same keyed streams, and saved as safetensors.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..._support import checks as check
from ..._support import progress as _progress
from ..._support import streams as _streams
from ..._support.estimates import mean_error
from ...errors import ArgumentError, CheckpointError, TrainingError
from .._tensor_files import fill, read_tensors, write_tensors
from ..data.images import ImageData
from ..networks.layers import initialise

FORMAT = "idealscore classifier 1"
KINDS = ("mlp", "conv")


@dataclass(frozen=True)
class ClassifierConfig:
    """shape: (channels, height, width) of the images, or any event shape for the kind "mlp"; n_classes: of the labels.

    kind: "mlp", `depth` hidden layers of `width` units, or "conv", `depth` stages of two convolutions, the first with
    `width` channels, each next one with twice as many at half the resolution.
    """

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
                "depth", f"{self.depth} halves {shape} {self.depth - 1} times", "pass fewer stages, or the kind 'mlp'"
            )


def _stage(inputs: int, outputs: int, halve: bool) -> nn.Sequential:
    groups = math.gcd(8, outputs)
    layers: list[nn.Module] = [nn.AvgPool2d(2)] if halve else []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.GroupNorm(groups, outputs), nn.SiLU()]
    return nn.Sequential(*layers)


class Classifier(nn.Module):
    """Class probabilities and features of images `(batch, *shape)`.

    `classifier(x)` are the logits `(batch, n_classes)`; `layers` names the layers from shallow to deep, the last of
    which are "logits". Weights depend on (configuration, seed) alone.

    >>> net = Classifier((1, 8, 8), 10, kind="mlp", width=16, depth=2)
    >>> net.layers, net.probabilities(torch.zeros(3, 1, 8, 8)).shape
    (('hidden 1', 'hidden 2', 'logits'), torch.Size([3, 10]))
    >>> net.features(torch.zeros(3, 1, 8, 8)).shape
    torch.Size([3, 16])
    """

    def __init__(self, shape: Sequence[int], n_classes: int, *, seed: int = 0, **options: Any) -> None:
        super().__init__()
        self.config = ClassifierConfig(tuple(shape), n_classes, **options)
        self.metadata: dict[str, Any] = {}
        with torch.device("meta"):
            self.stages = nn.ModuleDict(self._mlp() if self.config.kind == "mlp" else self._conv())
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
        return tuple(self.stages)

    def activations(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """The output of every layer, `{layer: (batch, channels, ...)}`; ShapeError where `x` does not fit."""
        weight = next(self.parameters())
        h, found = check.batch("x", x, self.config.shape).to(weight), {}
        for name, stage in self.stages.items():
            h = found[name] = stage(h)
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activations(x)["logits"]

    def features(self, x: torch.Tensor, layer: str | None = None) -> torch.Tensor:
        """`(batch, f)`: the output of `layer`, flattened; default: the layer before the logits."""
        layer = self.layers[-2] if layer is None else check.choice("layer", layer, self.layers)
        return self.activations(x)[layer].flatten(1)

    def probabilities(self, x: torch.Tensor, batch_size: int = 512) -> torch.Tensor:
        """`(batch, n_classes)` in float64, without gradients."""
        with torch.no_grad():
            return torch.cat([self(part).double().softmax(1) for part in x.split(batch_size)])

    def classes(self, x: torch.Tensor) -> torch.Tensor:
        """`(batch,)`: the most probable class."""
        return self.probabilities(x).argmax(1)

    def accuracy(self, data: ImageData) -> tuple[float, float]:
        """The share of `data` whose most probable class is its label, and its standard error."""
        if data.labels is None:
            raise ArgumentError("data", "has no labels", "load it with a label column")
        value, error = mean_error((self.classes(data.images).cpu() == data.labels).double().numpy())
        return float(value), float(error)

    def save(self, path: str | os.PathLike) -> Path:
        """Write weights, configuration and `metadata` as safetensors."""
        write_tensors(
            path, self.state_dict(), {"format": FORMAT, "classifier": asdict(self.config), "training": self.metadata}
        )
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike, device: str | torch.device = "cpu") -> Classifier:
        """A saved classifier. Raises CheckpointError where the file is missing, truncated, foreign or a pickle."""
        tensors, metadata = read_tensors(path)
        if metadata.get("format") != FORMAT:
            raise CheckpointError("path", f"{path} holds no idealscore classifier", "pass one that `save` wrote")
        options = dict(metadata["classifier"])
        classifier = cls(options.pop("shape"), options.pop("n_classes"), **options)
        fill(classifier, tensors, path)
        classifier.metadata = metadata["training"]
        return classifier.to(device).eval().requires_grad_(False)


def train_classifier(
    data: ImageData,
    held_out: ImageData | None = None,
    *,
    steps: int = 1000,
    batch: int = 128,
    learning_rate: float = 2e-3,
    weight_decay: float = 1e-2,
    jitter: float = 0.1,
    shift: int = 0,
    flip: bool = False,
    seed: int = 0,
    device: str | torch.device = "cpu",
    show: bool | None = None,
    **options: Any,
) -> Classifier:
    """Train a `Classifier` with `options` on the labels of `data` (default: "mlp" up to 256 pixels, else "conv").

    Cross-entropy, AdamW, cosine decay. Images are met with noise of standard deviation `jitter` (what a sampler leaves
    behind), moved by up to `shift` pixels and, with `flip`, mirrored half of the time. `metadata` then holds the
    accuracy on `held_out` with its error and n. Raises ArgumentError without labels of two classes, TrainingError
    where the loss is not finite.

    >>> from idealscore.learned import data
    >>> train_classifier(data.load("digits").subset(200), steps=3, width=16, depth=1).layers
    ('hidden 1', 'logits')
    """
    if data.labels is None or data.n_classes < 2:
        raise ArgumentError("data", "has no labels of two or more classes", "load it with a label column")
    steps, batch, shift = check.integer("steps", steps, 1), check.integer("batch", batch, 1), _shift(shift, data.shape)
    learning_rate, jitter = check.real("learning_rate", learning_rate, 0.0), check.real("jitter", jitter, 0.0)
    if "kind" not in options and (len(data.shape) != 3 or data.shape[1] * data.shape[2] <= 256):
        options = {"kind": "mlp", "width": 128, "depth": 2} | options
    model = Classifier(data.shape, data.n_classes, seed=seed, **options).to(device)
    images, labels = data.images.to(device), data.labels.to(device)
    optimiser = torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=weight_decay)
    for step in _progress.bar(range(steps), label="classifier", show=show):
        rows = _rows(len(data), batch, seed, step).to(device)
        generator = _streams.torch_stream(seed, "classifier augmentation", step, device=device)
        x = _augment(images[rows], jitter, shift, flip, generator)
        loss = nn.functional.cross_entropy(model(x), labels[rows])
        if not bool(loss.isfinite()):
            raise TrainingError(f"the classifier's loss is not finite in step {step + 1}; lower learning_rate")
        optimiser.param_groups[0]["lr"] = learning_rate * (1 + math.cos(math.pi * step / steps)) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model = model.eval().requires_grad_(False)
    model.metadata = {"data": data.name, "n_train": len(data), "steps": steps, "seed": seed}
    if held_out is not None:
        value, error = model.accuracy(held_out)
        model.metadata |= {"accuracy": value, "accuracy_stderr": error, "n_held_out": len(held_out)}
    return model


def _shift(shift: int, shape: tuple[int, ...]) -> int:
    limit = min(shape[1:]) - 1 if len(shape) == 3 else 0
    return check.integer("shift", shift, 0, limit)


def _rows(n: int, batch: int, seed: int, step: int) -> torch.Tensor:
    """The images of a step: each epoch in an order of its own."""
    epoch, offset = divmod(step * batch, n)
    order: list[int] = []
    while len(order) < offset + batch:
        order += _streams.stream(seed, "classifier order", epoch).permutation(n).tolist()
        epoch += 1
    return torch.tensor(order[offset : offset + batch])


def _augment(x: torch.Tensor, jitter: float, shift: int, flip: bool, generator: torch.Generator) -> torch.Tensor:
    device = x.device
    if flip:
        mirrored = torch.rand(len(x), generator=generator, device=device) < 0.5
        x = torch.where(mirrored.reshape(-1, 1, 1, 1), x.flip(-1), x)
    if shift:
        moves = torch.randint(-shift, shift + 1, (2, len(x)), generator=generator, device=device)
        rows, columns = (torch.arange(size, device=device) for size in x.shape[2:])
        rows = (rows + moves[0][:, None]).clamp(0, x.shape[2] - 1)
        columns = (columns + moves[1][:, None]).clamp(0, x.shape[3] - 1)
        index = torch.arange(len(x), device=device)[:, None, None]
        x = x.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    if jitter:
        x = x + jitter * torch.randn(x.shape, generator=generator, device=device)
    return x
