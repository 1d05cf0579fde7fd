"""Training a classifier on the labels of the images that a denoiser saw, from the same keyed streams."""

from __future__ import annotations

import math

import torch
from torch import nn

from ..._support import checks as check
from ..._support import progress as _progress
from ..._support import streams as _streams
from ..._support.shapes import per_row
from ..._support.typed import typed
from ..._support.types import Device
from ...errors import ArgumentError, TrainingError
from ..data.images import ImageData
from .classifier import Classifier


@typed
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
    device: Device = "cpu",
    show: bool | None = None,
    **options: object,
) -> Classifier:
    """Train a `Classifier` on the labels of images: cross-entropy, AdamW, cosine decay.

    Parameters
    ----------
    data : ImageData
        Images with labels of at least two classes.
    held_out : ImageData, optional
        Other images, on which the accuracy is measured; it stands in `metadata` with its error and n.
    steps : int
        Number of updates.
    batch : int
        Images in each.
    learning_rate : float
        At the start.
    weight_decay : float
        Of AdamW.
    jitter : float
        Standard deviation of the noise that is added to the images: what a sampler leaves behind.
    shift : int
        Pixels by which the images are moved at most.
    flip : bool
        Whether to mirror the images half of the time.
    seed : int
        Of the initial weights and of all random streams.
    device : str or torch.device
        Where to train.
    show : bool, optional
        Progress bar on or off; by default on a terminal.
    **options
        Of `Classifier`; by default an "mlp" up to 256 pixels, else "conv".

    Returns
    -------
    Classifier
        In evaluation mode, without gradients.

    Raises
    ------
    ArgumentError
        Without labels of two classes, or on a number outside its range.
    TrainingError
        Where the loss is not finite.

    Examples
    --------
    >>> from idealscore.learned import data
    >>> train_classifier(data.load("digits").subset(200), steps=3, width=16, depth=1).layers
    ('hidden 1', 'logits')
    """
    if data.labels is None or data.n_classes < 2:
        raise ArgumentError("data", "has no labels of two or more classes", "load it with a label column")
    steps, batch, shift = check.integer("steps", steps, 1), check.integer("batch", batch, 1), _shift(shift, data.shape)
    learning_rate, jitter = check.real("learning_rate", learning_rate, 0.0, 1e30), check.real("jitter", jitter, 0.0)
    weight_decay = check.real("weight_decay", weight_decay, 0.0, 1e30)
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
            raise TrainingError(
                f"the classifier's loss is not finite in step {step + 1}; lower learning_rate, jitter or weight_decay"
            )
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
    """The images of a step: each epoch in its own order."""
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
        x = torch.where(per_row(mirrored, x), x.flip(-1), x)
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
