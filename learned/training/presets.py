"""Networks and training recipes that are known to work on a data set."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import Record
from ..data.images import ImageData
from ..networks import NETWORKS
from ..networks.base import NetworkDenoiser
from .config import TrainConfig
from .noise_levels import LogNormal


@dataclass(frozen=True)
class Preset:
    """A network with its options, how to train it, and on how many images (all of them by default)."""

    network: str
    train: TrainConfig
    options: Record = field(default_factory=dict)
    subset: int | None = None


UNET: Record = {"width": 128, "multipliers": (1, 2, 2), "blocks": 2, "attention": (16,)}
ON_A_GPU = TrainConfig(
    batch=256,
    learning_rate=4e-4,
    warmup=500,
    noise=LogNormal(-1.2, 1.2),
    precision="bfloat16",
    compile=True,
    channels_last=True,
)


PRESETS = {
    "digits": Preset(
        "mlp",
        TrainConfig(steps=2500, batch=128, learning_rate=3e-3, noise=LogNormal(-0.4, 1.2)),
        {"width": 256, "depth": 2},
    ),
    "cifar10-memorise": Preset("unet", replace(ON_A_GPU, steps=8000), UNET, subset=256),
    "cifar10-generalise": Preset("unet", replace(ON_A_GPU, steps=8000), {**UNET, "dropout": 0.1}, subset=25_000),
}


@typed
def preset(name: str, data: ImageData, seed: int = 0) -> tuple[NetworkDenoiser, TrainConfig]:
    """The network of a preset, sized for `data`, and its training configuration, both at `seed`.

    "digits" learns the 8 x 8 digits in less than a minute on one core and generalises: on held-out images its
    error lies below that of the Wiener filter from sigma = 0.05 to 3. "cifar10-memorise" and "cifar10-generalise" are
    a U-Net of about 15 million parameters for 32 x 32 pixels, in bf16 and compiled: meant for a GPU, and for
    `data.subset(256)` and `data.subset(25_000)`, which `idealscore train --preset` takes by itself.

    Parameters
    ----------
    name : {"digits", "cifar10-memorise", "cifar10-generalise"}
        Which preset.
    data : ImageData
        What the network will be trained on: its shape and its standard deviation enter.
    seed : int
        Of the initial weights and of the training.

    Returns
    -------
    tuple of NetworkDenoiser and TrainConfig
        The network with its initial weights, and how to train it.

    Raises
    ------
    UnknownNameError
        On an unknown preset.

    Examples
    --------
    >>> from idealscore.learned import data
    >>> network, config = preset("digits", data.load("digits"))
    >>> network.name, config.steps
    ('mlp', 2500)
    """
    chosen = PRESETS[check.choice("preset", name, PRESETS)]
    network = NETWORKS[chosen.network](data.shape, seed=seed, sigma_data=data.sigma_data, **chosen.options)
    return network, replace(chosen.train, seed=seed)
