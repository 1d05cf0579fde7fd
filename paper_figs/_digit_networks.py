"""Networks for the figures on the digits: a few recipes, each trained once per process and shared by the figures.

At medium scale the images are those that IDEALSCORE_IMAGES names, MNIST for instance, and the networks are kept in the
folder of the caches: what was trained is not trained again, and what was stopped goes on.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from .._support import checks as check
from .._support import results as _results
from ..errors import ArgumentError
from ..learned.data import ImageData, load
from ..learned.networks import NETWORKS
from ..learned.probes import Classifier, train_classifier
from ..learned.training import train
from ..learned.training.config import TrainConfig
from ..learned.training.noise_levels import LogNormal
from .catalogue import SOURCE, checked_scale

if TYPE_CHECKING:
    from xarray import Dataset

HELD_OUT = 0.2
NOISE = LogNormal(-0.4, 1.2)
OWN_IMAGES = "medium"
COARSEST = "coarsest"  # attention at the lowest resolution, whatever the size of the images


@dataclass(frozen=True)
class Recipe:
    """A network by name, how long to train it, and on how many images at once."""

    network: str
    options: tuple[tuple[str, Any], ...]
    steps: int
    learning_rate: float = 3e-3
    batch: int = 128


SMALL = {
    "mlp": Recipe("mlp", (("width", 256), ("depth", 2)), 2500),
    "wide mlp": Recipe("mlp", (("width", 512), ("depth", 2)), 2500),
    "unet": Recipe("unet", (("width", 16), ("multipliers", (1, 2)), ("blocks", 1)), 1500, 2e-3),
    "local": Recipe("local", (("width", 32), ("depth", 3)), 1500, 2e-3),
}
MEDIUM = {
    "mlp": Recipe("mlp", (("width", 512), ("depth", 3)), 3000, 1e-3),
    "wide mlp": Recipe("mlp", (("width", 1024), ("depth", 3)), 3000, 1e-3),
    "unet": Recipe(
        "unet", (("width", 24), ("multipliers", (1, 2, 2)), ("blocks", 1), ("attention", COARSEST)), 1500, 1e-3, 64
    ),
    "local": Recipe("local", (("width", 48), ("depth", 4)), 1500, 1e-3, 32),
}
FULL = {name: replace(recipe, steps=8 * recipe.steps) for name, recipe in SMALL.items()}
RECIPES = {"small": SMALL, OWN_IMAGES: MEDIUM, "full": FULL}
JUDGES: dict[str, dict[str, Any]] = {"small": {"width": 16, "steps": 600}, OWN_IMAGES: {"width": 16, "steps": 1500}}


@cache
def split(seed: int = 0, scale: str = "small") -> tuple[ImageData, ImageData]:
    """The images of a scale, for training and held out."""
    if scale != OWN_IMAGES:
        return load("digits").split(HELD_OUT, seed)
    return own_images().split(HELD_OUT, seed)


@cache
def own_images() -> ImageData:
    """The images that `SOURCE` names; ArgumentError where it names none, or images without labels."""
    checked_scale((), OWN_IMAGES)
    data = load(os.environ[SOURCE])
    if data.labels is None:
        raise ArgumentError(SOURCE, "names images without labels", "name a file with labels")
    return data


@cache
def part(name: str, seed: int = 0, scale: str = "small") -> ImageData:
    """All training images ("all"), the disjoint halves "A" and "B" of them, or so many of them at random ("64")."""
    training, _ = split(seed, scale)
    if name in ("A", "B"):
        return training.halves(seed)[name == "B"]
    return training if name == "all" else training.subset(int(name), seed)


@cache
def network(recipe: str, images: str = "all", seed: int = 0, scale: str = "small", data_seed: int = 0) -> Any:
    """`recipe` trained on `part(images)` from the start `seed`."""
    data = part(images, data_seed, scale)
    return trained(recipe, data, seed, scale, f"{images}-data{data_seed}")


def trained(
    recipe: str, data: ImageData, seed: int, scale: str, name: str, start: Any = None, steps: int = 0, **options: Any
) -> Any:
    """`recipe` with `options` trained on `data`, or `start` trained on for so many steps, at a third of the rate.

    `name` says which network of the scale it is.
    """
    plan = RECIPES[scale][check.choice("recipe", recipe, RECIPES[scale])]
    rate = plan.learning_rate if start is None else plan.learning_rate / 3
    config = TrainConfig(steps=steps or plan.steps, batch=plan.batch, learning_rate=rate, noise=NOISE, seed=seed)
    if start is None:
        options = {"sigma_data": data.sigma_data} | dict(plan.options) | options
        if options.get("attention") == COARSEST:
            options["attention"] = (data.shape[1] // 2 ** (len(options["multipliers"]) - 1),)
        start = NETWORKS[plan.network](data.shape, seed=seed, **options)
    return train(start, data, config, _folder(f"{recipe}-{name}-seed{seed}", data, scale)).network


def caches() -> Path:
    """Where figures keep the networks that took long to train."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "idealscore"


def _folder(name: str, data: ImageData, scale: str) -> Path | None:
    """Where a network is kept: nowhere for the small ones, which take seconds."""
    if scale == "small":
        return None
    return caches() / "networks" / f"{scale}-{name}-{data.fingerprint[:12]}".replace(" ", "-")


def kept(what: str, images: ImageData, scale: str, plan: Mapping[str, object], make: Callable[[], Dataset]) -> Dataset:
    """`make()`, which is `what` of the images under a plan; but for the small scale it is made once and kept."""
    if scale == "small":
        return make()
    told = hashlib.blake2b(repr((sorted(plan.items()), __version__)).encode(), digest_size=4).hexdigest()
    name = f"{scale}-{what}-{images.fingerprint[:12]}-{told}.nc"
    path = caches() / "results" / re.sub(r"[^\w.-]+", "-", name)
    if not path.exists():
        _results.save(make(), path)
    return _results.load(path)


@cache
def judge(seed: int = 0, scale: str = "small") -> Classifier:
    """The classifier that reads what networks make."""
    training, held_out = split(seed, scale)
    plan = JUDGES.get(scale, JUDGES["small"])
    return train_classifier(training, held_out, kind="conv", depth=3, seed=seed, **plan)
