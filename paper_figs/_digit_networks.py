"""Networks for the figures on the digits: a few recipes, each trained once per process and shared by the figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from ..learned.data import ImageData, load
from ..learned.networks import NETWORKS
from ..learned.probes import Classifier, train_classifier
from ..learned.training import train
from ..learned.training.config import TrainConfig
from ..learned.training.noise_levels import LogNormal

HELD_OUT = 0.2
NOISE = LogNormal(-0.4, 1.2)


@dataclass(frozen=True)
class Recipe:
    """A network by name and how long to train it, on the small and on the full scale."""

    network: str
    options: tuple[tuple[str, Any], ...]
    steps: int
    learning_rate: float = 3e-3


SMALL = {
    "mlp": Recipe("mlp", (("width", 256), ("depth", 2)), 2500),
    "wide mlp": Recipe("mlp", (("width", 512), ("depth", 2)), 2500),
    "unet": Recipe("unet", (("width", 16), ("multipliers", (1, 2)), ("blocks", 1)), 1500, 2e-3),
}
FULL = {name: replace(recipe, steps=8 * recipe.steps) for name, recipe in SMALL.items()}
RECIPES = {"small": SMALL, "full": FULL}


@cache
def split(seed: int = 0) -> tuple[ImageData, ImageData]:
    """The digits, for training and held out."""
    return load("digits").split(HELD_OUT, seed)


@cache
def part(name: str, seed: int = 0) -> ImageData:
    """All training images ("all"), the disjoint halves "A" and "B" of them, or so many of them at random ("64")."""
    training, _ = split(seed)
    if name in ("A", "B"):
        return training.halves(seed)[name == "B"]
    return training if name == "all" else training.subset(int(name), seed)


@cache
def network(recipe: str, images: str = "all", seed: int = 0, scale: str = "small", data_seed: int = 0) -> Any:
    """`recipe` trained on `part(images)` from the start `seed`."""
    plan, data = RECIPES[scale][recipe], part(images, data_seed)
    start = NETWORKS[plan.network](data.shape, seed=seed, sigma_data=data.sigma_data, **dict(plan.options))
    config = TrainConfig(steps=plan.steps, batch=128, learning_rate=plan.learning_rate, noise=NOISE, seed=seed)
    return train(start, data, config).network


@cache
def judge(seed: int = 0) -> Classifier:
    """The classifier of digits that reads what networks make."""
    training, held_out = split(seed)
    return train_classifier(training, held_out, kind="conv", width=16, depth=3, steps=600, seed=seed)
