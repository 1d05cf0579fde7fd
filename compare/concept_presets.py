"""Studies of concept composition that are known to fit a machine."""

from __future__ import annotations

from typing import Any

from .. import _checks as check
from ..learned.objective import LogNormal
from ..simulate.concepts import ConceptWorld
from .concept_training import ConceptPlan, EvenConfig

SCALES = ("small", "full")
NEAR = {
    "size_mean": 0.55,
    "size_gap": 0.15,
    "size_jitter": 0.05,
    "color_gap": 0.1,
    "color_jitter": 0.02,
    "jitter": 0.05,
}


def concept_plan(
    scale: str = "small", *, concepts: Any = ("shape", "color", "size"), split: str = "H32-train1", seed: int = 0
) -> ConceptPlan:
    """The plan of a scale for the given concepts and split.

    "small": 12 x 12 pictures, a perceptron, three seeds: half a minute on one core. Its concept values are close
    (`NEAR`), so that a perceptron can compose them; with the wider gaps of `ConceptWorld` it cannot, nor can a small
    U-Net in the time. "full": the paper's sizes, 28 x 28
    pictures, a U-Net, 7,800 steps of 64 at a rate of 1e-4 falling to 0, 1,500 pictures per class, 64 samples of each
    class a hundred times, five seeds: for a GPU. Noise levels and sampler are ours at both scales.

    >>> concept_plan("full").train.steps, concept_plan(concepts={"shape": 3, "color": 3}, split="star").chosen.labels
    (7800, ['00', '01', '02', '10', '20'])
    """
    check.choice("scale", scale, SCALES)
    if scale == "full":
        train = EvenConfig(
            steps=7800, every=78, batch=64, learning_rate=1e-4, warmup=0, decay="linear", clip=0.0, ema=0.0, seed=seed
        )
        options = {"width": 128, "multipliers": (1, 2, 2), "blocks": 1}
        world = ConceptWorld(concepts, pixels=28)
        return ConceptPlan(world, split, train, "unet", options, seeds=5, per_class=1500, n_samples=64, levels=18)
    train = EvenConfig(
        steps=1000, every=40, batch=64, learning_rate=1e-3, warmup=50, decay="constant", ema=0.0,
        noise=LogNormal(-1.2, 1.2), seed=seed,
    )  # fmt: skip
    world = ConceptWorld(concepts, pixels=12, **NEAR)
    return ConceptPlan(world, split, train, "mlp", {"width": 256, "depth": 2}, n_samples=64)
