"""Which optimum is a network closest to on MNIST, over training-set size, step and noise? [@Li2024; @Zhang2024].

As `regime_map`, for perceptrons of width 256 on n = 32 to 59,000 images of MNIST, held against the empirical and the
Gaussian optimum. (a, b) The optimum that misses least of the network's score, on held-out and on training images,
against the number of training images and the noise level; (c, d) on held-out images against the training step and the
width. Pale: even the farthest optimum misses less than 1 %; a dot marks ties. (e) Samples that are copies of training
images (grey: held-out images). (f) Error on held-out less that on training images, with that of the empirical
optimum. (g) Reproducibility; shaded where two disjoint sets do not fit. (h) While training goes on, the sizes where
half of the samples are copies, and where two networks of different images agree better than with the optima of their
own.

Computed anew from the images that the environment variable IDEALSCORE_IMAGES names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .regime_map import DROPPED, draw, findings

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["compute", "draw", "findings"]


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """The regime map, without the measures that no panel needs."""
    from ._mnist_runs import mnist_regimes

    found = mnist_regimes(scale, seed)
    return found.drop_vars([name for name in found if any(word in str(name) for word in DROPPED)])
