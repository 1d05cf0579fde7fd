"""Which theory does each architecture follow on CIFAR-10? [@Kamb2024; @Li2024; @Zhang2024].

As `reproducibility_by_architecture`, on 40,000 of the 50,000 images. (a) to (c) Share of the score that each optimum of
the training images misses, on images that neither the theories nor the networks have seen: of a U-Net with attention,
of a network of small convolutions alone, and of a multilayer perceptron. (d) Cosine of the samples that the networks
and the optima make of the same noise, above the diagonal, and of unrelated draws, below.

The figure is computed anew from the images that the environment variable IDEALSCORE_IMAGES names, at medium scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .by_architecture import draw, findings

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["compute", "draw", "findings"]


def compute(scale: str = "medium", seed: int = 0) -> xr.Dataset:
    """The comparison on the images that IDEALSCORE_IMAGES names."""
    from ..._support import checks as check
    from . import by_architecture

    return by_architecture.compute(check.choice("scale", scale, ("medium",)), seed)
