"""Studies of concept composition that are known to fit a machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..._support import checks as check
from ..._support.typed import typed
from ...learned.training.noise_levels import LogNormal, Steps
from ...simulate.concepts.world import ConceptWorld
from .even_config import EvenConfig
from .training import ConceptPlan

SCALES = ("small", "full")
NEAR = {
    "size_mean": 0.55,
    "size_gap": 0.15,
    "size_jitter": 0.05,
    "color_gap": 0.1,
    "color_jitter": 0.02,
    "jitter": 0.05,
}


@typed
def concept_plan(
    scale: str = "small",
    *,
    concepts: Mapping[str, int] | Sequence[str] = ("shape", "color", "size"),
    split: str = "H32-train1",
    seed: int = 0,
) -> ConceptPlan:
    """The plan of a scale for the given concepts and split.

    "small": 12 x 12 pictures, a perceptron, three seeds: half a minute on one core. Its concept values are close
    (`NEAR`): with the wider gaps of `ConceptWorld` neither it (3,000 steps) nor a U-Net of width 16 (600 steps)
    combined shape with size.

    "full": as in the paper, 28 x 28 pictures, a U-Net that predicts the noise, 500 levels of a linear schedule, 7,800
    steps of 64 at a rate of 1e-4 falling to 0, 1,500 pictures and 64 samples per class, five seeds: for a GPU and 12 GB
    of disk. Its U-Net is half as wide as the paper's; the sampler is Heun's, with 18 levels.

    Parameters
    ----------
    scale : {"small", "full"}
        The machine that it fits.
    concepts : sequence of str or mapping of str to int
        The concepts, two values each, or the number of values of each.
    split : str
        The name of the training classes, as `concept_split` takes it.
    seed : int
        Of the pictures, the networks and the training.

    Returns
    -------
    ConceptPlan
        What `concept_study` trains.

    Raises
    ------
    UnknownNameError
        For another scale.
    ArgumentError
        For a split that does not fit the concepts.

    Examples
    --------
    >>> concept_plan("full").train.steps, concept_plan(concepts={"shape": 3, "color": 3}, split="star").chosen.labels
    (7800, ['00', '01', '02', '10', '20'])
    """
    check.choice("scale", scale, SCALES)
    if scale == "full":
        train = EvenConfig(
            steps=7800, every=156, batch=64, learning_rate=1e-4, warmup=0, decay="linear", clip=0.0, ema=0.0,
            noise=Steps("linear", 500), seed=seed,
        )  # fmt: skip
        options = {"width": 128, "multipliers": (1, 2, 2), "blocks": 1, "head": "eps"}
        sampler = {"levels": 18, "sigma_max": 12.0}
        world = ConceptWorld(concepts, pixels=28)
        return ConceptPlan(world, split, train, "unet", options, seeds=5, per_class=1500, n_samples=64, **sampler)
    train = EvenConfig(
        steps=1000, every=40, batch=64, learning_rate=1e-3, warmup=50, decay="constant", ema=0.0,
        noise=LogNormal(-1.2, 1.2), seed=seed,
    )  # fmt: skip
    world = ConceptWorld(concepts, pixels=12, **NEAR)
    return ConceptPlan(world, split, train, "mlp", {"width": 256, "depth": 2}, n_samples=64)
