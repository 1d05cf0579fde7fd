"""The patch size of the local optimum at each noise level: from the data, from the network, or as told.

Small patches are best at small noise and large ones at large noise. At every noise level the sizes are tried from small
to large, each with the same noisy images, until one misses `HOPELESS` times as much as the best so far:

- "data": what counts is the denoising error on images that are left out of the training set for this; no network is
  asked, so that the local optimum is a prediction;
- "network": the distance to the output of the network, on images on which nothing is reported afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from ..._support.cost import duration
from ..._support.streams import stream
from ..._support.types import Array
from ...errors import ArgumentError
from ...simulate.diffusion import noised
from ...theory.denoiser import Denoiser
from ...theory.local.patch_sizes import PatchSchedule
from ...theory.local.patches import LocalDenoiser, PatchSize

DATA, NETWORK = "data", "network"
DENSE = 11
"""Up to this size every odd one is tried, beyond it about every fourth third."""
BANK = 10_000
"""At most so many training images are compared with when a size is chosen."""
PROBES = 12
"""So many images are denoised when a size is chosen."""
HOPELESS = 2.0
WORTH_SAYING = 10.0  # seconds

Sizes = tuple[int | str, ...]


def checked_sizes(sizes: Sequence[int | str]) -> Sizes:
    """`sizes` if they are odd numbers >= 1, with at most one of the words "data" and "network" in front.

    >>> checked_sizes(["network", 3, 5])
    ('network', 3, 5)
    """
    words = [size for size in sizes if size in (DATA, NETWORK)]
    if not sizes or len(words) > 1:
        raise ArgumentError("patch_sizes", f"is {list(sizes)}", "pass 'data', 'network', or odd numbers")
    for size in sizes:
        if size in words:
            continue
        if isinstance(size, (bool, str)) or int(size) != size or size < 1 or size % 2 == 0:
            raise ArgumentError("patch_sizes", f"holds {size!r}", "pass odd numbers >= 1, 'data' or 'network'")
    return tuple(size if isinstance(size, str) else int(size) for size in sizes)


def candidates(sizes: Sizes, shape: Sequence[int]) -> list[int]:
    """The patch sizes to choose from, increasing: those that are named, else odd ones from 1 up to the image.

    >>> candidates(("data",), (1, 28, 28))
    [1, 3, 5, 7, 9, 11, 15, 21, 27]
    """
    named = sorted({size for size in sizes if not isinstance(size, str)})
    if named:
        if named[-1] > max(shape[-2:]):
            problem = f"holds {named[-1]}, but an image has {shape[-2]} x {shape[-1]} pixels"
            raise ArgumentError("patch_sizes", problem, "pass sizes up to the image")
        return named
    return list(_odd(min(shape[-2:])))


def _odd(limit: int) -> Iterator[int]:
    size, last = 1, limit - 1 + limit % 2
    while size < last:
        yield size
        size = size + 2 if size < DENSE else size * 4 // 3 + 1 - (size * 4 // 3) % 2
    yield last


def left_out(training: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(images to denoise, images to compare with): a few of the training set and at most `BANK` of the others."""
    order = torch.from_numpy(stream(seed, "patch sizes").permutation(len(training))).to(training.device)
    probes = max(1, min(PROBES, len(training) // 5))
    return training[order[:probes]], training[order[probes : probes + BANK]]


def choose_patch_sizes(
    training: torch.Tensor,
    sigmas: Array,
    sizes: Sizes = (DATA,),
    seed: int = 0,
    network: Denoiser | None = None,
    unreported: torch.Tensor | None = None,
    *,
    seconds: float | None = None,
    say: Callable[[str], object] = lambda text: None,
) -> PatchSize:
    """The size at each noise level; a number where there is one to choose from.

    The levels are tried in an order that halves the gaps, the middle one first, so that after `seconds` those that are
    done lie spread over all: the others take the size of the nearest.

    Parameters
    ----------
    training : tensor (n, channels, height, width)
        Images of the local optimum.
    sigmas : array (levels,)
        Noise levels > 0.
    sizes : tuple of int and str
        "data" or "network", by which the choice is made, and odd numbers to choose from (default: all up to the image).
    seed : int
        Of the images that are left out, and of the noise.
    network : Denoiser, optional
        What the size shall explain, if it is chosen by "network".
    unreported : tensor (m, channels, height, width), optional
        The images for that choice.
    seconds : float, optional
        The time that the choice may take; one level is tried in any case.
    say : callable, optional
        Is told how long it will take, once the first level is done, and where time made levels be skipped.

    Returns
    -------
    int or PatchSchedule
        A `patch_size` of `LocalDenoiser`.

    Examples
    --------
    >>> images = torch.arange(1500, dtype=torch.float64).pow(2).sin().reshape(60, 1, 5, 5).cumsum(2).cumsum(3)
    >>> choose_patch_sizes(images, np.array([0.01, 30.0]), ("data", 1, 5))
    PatchSchedule(1x1 at sigma 0.01, 5x5 at sigma 30)
    """
    tried = candidates(sizes, training.shape)
    if len(tried) == 1:
        return tried[0]
    clean, bank = left_out(training, seed)
    if NETWORK in sizes:
        if network is None or unreported is None:
            raise ArgumentError("patch_sizes", "asks for a network, and none is given", "pass 'data' or odd numbers")
        clean = unreported
    theories = [LocalDenoiser(bank, size, equivariant=False) for size in tried]
    missed = np.full((len(sigmas), len(tried)), np.nan)
    begun = time.monotonic()
    for done, i in enumerate(halving(len(sigmas))):
        spent = time.monotonic() - begun
        if done and seconds is not None and spent * (done + 1) / done > seconds:
            say(f"patch sizes are chosen at {done} of {len(sigmas)} noise levels, to keep the time allowed")
            break
        if done == 1 and spent * len(sigmas) > WORTH_SAYING:
            say(f"patch sizes at {len(sigmas)} noise levels: about {duration(spent * len(sigmas))}")
        sigma = float(sigmas[i])
        x = noised(clean, sigma, seed, draw=1)
        with torch.no_grad():
            target = network(x, sigma) if NETWORK in sizes and network is not None else clean
            for j, theory in enumerate(theories):
                missed[i, j] = float((theory(x, sigma) - target).double().square().mean())
                if missed[i, j] > HOPELESS * np.nanmin(missed[i]):
                    break
    sigmas, missed = sigmas[~np.isnan(missed[:, 0])], missed[~np.isnan(missed[:, 0])]
    least = np.nanmin(missed, axis=1, keepdims=True)
    best = missed <= least * (1 + 64 * torch.finfo(training.dtype).eps)
    found = np.asarray(tried)[best.argmax(1)]
    if NETWORK in sizes:
        return PatchSchedule(sigmas, found, np.asarray(tried))
    return PatchSchedule(sigmas, found, np.asarray(tried), error=missed, n_held_out=len(clean))


def halving(n: int) -> list[int]:
    """0 ... n - 1 with the middle first, then the middles of what lies between those before, then the rest.

    >>> halving(7)
    [3, 1, 5, 0, 2, 4, 6]
    """
    order, gaps = [], [(0, n)]
    while gaps:
        low, high = gaps.pop(0)
        if low < high:
            middle = (low + high) // 2
            order.append(middle)
            gaps += [(low, middle), (middle + 1, high)]
    return order


def sizes_at(patch_size: PatchSize, sigmas: Array) -> Array:
    """The patch size at each noise level."""
    return np.array([patch_size(float(s)) if callable(patch_size) else patch_size for s in sigmas])
