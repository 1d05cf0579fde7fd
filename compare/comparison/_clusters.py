"""A Gaussian mixture with more components than classes, their number chosen on images that are left out.

Components are the clusters of k-means, one Gaussian each. The number of clusters is doubled for as long as the
denoising error of left-out images, sum over noise levels of E|D(x) - x0|^2 / sigma^2, falls: evenly spaced in log sigma
this sum is the divergence between the smoothed data and the mixture, up to a constant.
"""

from __future__ import annotations

import numpy as np
import torch

from ..._support.streams import stream, stream_seed
from ...errors import EmptyDataError
from ...simulate.diffusion import noised
from ...theory.mixture import MixtureDenoiser

LEVELS = np.geomspace(0.1, 10.0, 7)
BANK, LEFT_OUT = 8000, 400
FEWEST = 20  # images for each component


def clusters_mixture(images: torch.Tensor, n_classes: int = 0, seed: int = 0) -> MixtureDenoiser:
    """The mixture of one Gaussian per cluster, with the number of clusters that denoises left-out images best.

    Parameters
    ----------
    images : tensor (n, *event)
        Training images; the number of clusters is chosen on at most 8,000 of them and on 400 others.
    n_classes : int
        The smallest number of clusters (default: 10).
    seed : int
        Of the choice and of k-means.

    Returns
    -------
    MixtureDenoiser
        Fitted on all images.

    Examples
    --------
    >>> centres = torch.tensor([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0], [9.0, 9.0]]).repeat(60, 1)
    >>> wobble = torch.arange(480.0).square().sin().reshape(240, 2) / 9
    >>> clusters_mixture(centres + wobble, n_classes=2)
    MixtureDenoiser(components=4, event=(2,), float64, cpu)
    """
    if len(images) < 4:
        raise EmptyDataError("training", f"expected at least 4 images, got {len(images)}", "pass more images")
    order = torch.from_numpy(stream(seed, "clusters").permutation(len(images))).to(images.device)
    n_left = max(1, min(LEFT_OUT, len(images) // 5))
    clean, bank = images[order[:n_left]], images[order[n_left : n_left + BANK]]
    count = max(1, min(n_classes or 10, len(bank) // 2))
    best, least = count, np.inf
    while count == best or count * FEWEST <= len(bank):
        missed = _missed(_fitted(bank, count, seed), clean, seed)
        if not missed < least:
            break
        best, least, count = count, missed, 2 * count
    return _fitted(images, best, seed)


def _fitted(images: torch.Tensor, count: int, seed: int) -> MixtureDenoiser:
    """One Gaussian for each of `count` clusters."""
    from sklearn.cluster import KMeans

    random_state = stream_seed(seed, "clusters-fit") % 2**32
    model = KMeans(count, n_init=1, max_iter=50, random_state=random_state)  # pyright: ignore[reportArgumentType]
    return MixtureDenoiser.fit(images, model.fit_predict(images.flatten(1).double().numpy(force=True)))


def _missed(mixture: MixtureDenoiser, clean: torch.Tensor, seed: int) -> float:
    """sum over noise levels of E|D(x) - x0|^2 / sigma^2."""
    clean = clean.double()
    errors = [(mixture(noised(clean, float(s), seed), float(s)) - clean).square().mean() / s**2 for s in LEVELS]
    return float(sum(errors))
