r"""U-turns: noise an image, let several clones find their way back, and ask what they have in common.

Every starting image is noised once; `n_clones` backward trajectories leave from the same noisy image, each with
noise of its own. Two clones agree, in the class that a classifier sees, with the probability

    phi(sigma) = E sum_k r_k(x)^2

if the denoiser is the optimum of the data ([@Biroli2024], `theory.cloning`), and they keep the class of the start
with the same probability, because start and clone then have the same law given x. Of the optimum of n training images
clones agree in the training image that they end at with the probability E sum_i w_i(x)^2, w the posterior weights.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support.estimates import estimates, mean_error
from ..._support.results import provenance
from ..._support.streams import stream_seed
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import DenoiserContractError, ShapeError
from ...simulate.diffusion import noised, sample
from ...theory.denoiser import Denoiser
from ...theory.noise import karras_sigmas
from ..measures.neighbours import nearest_neighbours

Labeller: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
"""Images `(n, *event)` to classes `(n,)` or scores `(n, K)`; a `learned.Classifier` is one."""

MEANING = {
    "agreement": "P(two clones of one noisy image are of the same class)",
    "kept": "P(a clone is of the class of its start)",
    "agreement_chance": "P(clones of two images are of the same class)",
    "image_agreement": "P(two clones of one noisy image are nearest to the same training image)",
    "image_kept": "P(a clone is nearest to the training image to which its start is nearest)",
    "image_agreement_chance": "P(clones of two images are nearest to the same training image)",
}


def labels_of(labeller: Labeller, images: torch.Tensor) -> np.ndarray:
    """`(n,)` classes: of a `Classifier`, or of a callable that gives classes `(n,)` or scores `(n, K)`."""
    with torch.no_grad():
        found = torch.as_tensor(getattr(labeller, "classes", labeller)(images))
    if found.ndim == 2:
        found = found.argmax(1)
    if tuple(found.shape) != (len(images),):
        raise ShapeError("labeller", f"returned shape {tuple(found.shape)}", f"return classes ({len(images)},)")
    return found.cpu().numpy()


@partial(typed, says={"x": "images"})
def clones(
    denoiser: Denoiser, images: torch.Tensor, sigma: float, n_clones: int = 2, n_steps: int = 40, seed: int = 0
) -> torch.Tensor:
    """Ancestral samples [@Ho2020] from each of `images`, noised once.

    Parameters
    ----------
    denoiser : Denoiser
        Any `denoiser(x, sigma) -> E[x0 | x]`.
    images : Tensor, shape (n, *event)
        The starting images.
    sigma : float
        The noise level > 0 to which they are taken.
    n_clones : int
        Backward trajectories from each noisy image, with noise of their own.
    n_steps : int
        Steps of a trajectory, on the grid of [@Karras2022].
    seed : int
        Of the noise and of the trajectories.

    Returns
    -------
    Tensor, shape (n_clones, n, *event)
        Where the trajectories end.

    Raises
    ------
    DenoiserContractError
        A trajectory is not finite.

    Examples
    --------
    >>> D = lambda x, sigma: x / (1 + sigma**2)
    >>> clones(D, torch.zeros(3, 2), 1.0, n_clones=4, n_steps=5).shape
    torch.Size([4, 3, 2])
    """
    sigma, n_clones = check.positive_sigma("sigma", sigma), check.integer("n_clones", n_clones, 1)
    n_steps, images = check.integer("n_steps", n_steps, 2), check.points("images", images)
    noisy = noised(images, sigma, seed)
    grid = [*karras_sigmas(n_steps, min(0.002, sigma / 2), sigma), 0.0]
    ends = [sample(denoiser, noisy, grid, "ddpm", stream_seed(seed, "clone", c), show=False) for c in range(n_clones)]
    found = torch.stack(ends)
    if not bool(found.isfinite().all()):
        raise DenoiserContractError("denoiser", f"gave NaN or inf on the way back from {sigma:g}", "check its levels")
    return found


@partial(typed, says={"x": "images"})
def clone_experiment(
    denoiser: Denoiser,
    images: ArrayLike,
    labeller: Labeller,
    sigmas: ArrayLike,
    *,
    training: ArrayLike | None = None,
    n_clones: int = 2,
    n_steps: int = 40,
    seed: int = 0,
    show: bool | None = None,
) -> xr.Dataset:
    """The cloning experiment [@Biroli2024]: how often do clones of one noisy image end in the same class?

    Parameters
    ----------
    denoiser : Denoiser
        Any `denoiser(x, sigma) -> E[x0 | x]`.
    images : array_like, shape (n, *event)
        The starting images, two or more.
    labeller : callable
        A `learned.Classifier`, or any callable from images to classes `(n,)` or scores `(n, K)`.
    sigmas : array_like, shape (levels,)
        Noise levels > 0.
    training : array_like, shape (m, *event), optional
        Images that the denoiser may have memorised; with them, clones are also compared by their nearest one.
    n_clones, n_steps : int
        Backward trajectories from each noisy image, and the steps of each.
    seed : int
        Of the noise and of the trajectories.
    show : bool, optional
        Whether to show progress (default: on a terminal).

    Returns
    -------
    Dataset over `sigma`
        `agreement` and `kept`, with `training` also `image_agreement` and `image_kept`; each with its `_stderr` over
        starting images and its null `..._chance`, for clones of two different images. `..._each` `(start, sigma)`
        holds the values of each starting image, which `measured_transitions` resamples. The `long_name` of a
        variable says what it means.

    Raises
    ------
    DenoiserContractError
        A trajectory is not finite.
    ShapeError
        The labeller does not return one class, or one row of scores, per image.

    Examples
    --------
    >>> from idealscore.theory import MixtureDenoiser
    >>> mixture = MixtureDenoiser([0.5, 0.5], [[-1.0], [1.0]], [0.01, 0.01])
    >>> found = clone_experiment(mixture, mixture.sample(64), lambda x: (x[:, 0] > 0).long(), [0.1, 50.0])
    >>> found.agreement[0].item(), bool(abs(found.agreement[1] - 0.5) < 0.25)
    (1.0, True)
    """
    images, grid = check.points("images", images, minimum=2), check.positive_sigmas("sigmas", sigmas)
    n_clones, n_steps = check.integer("n_clones", n_clones, 2), check.integer("n_steps", n_steps, 2)
    readers = {"": lambda x: labels_of(labeller, x)}
    if training is not None:
        training = check.points("training", training, minimum=2)
        readers["image_"] = lambda x: nearest_neighbours(x, training, 1)[1][:, 0]
    starts = {name: read(images) for name, read in readers.items()}
    columns: dict[str, list[np.ndarray]] = {}
    for sigma in progress.bar(grid.tolist(), label="clones", show=show):
        ends = clones(denoiser, images, sigma, n_clones, n_steps, seed)
        for prefix, read in readers.items():
            found = np.stack([read(end) for end in ends])
            for name, values in _agreements(found, starts[prefix]).items():
                columns.setdefault(prefix + name, []).append(values)
    variables = {}
    for name, parts in columns.items():
        each = np.stack(parts, axis=1)
        variables |= estimates("sigma", **{name: mean_error(each)})
        variables[f"{name}_each"] = (("start", "sigma"), each.astype(np.float32))
    result = xr.Dataset(variables, coords={"sigma": grid}, attrs=provenance(seed=seed, device=str(images.device)))
    result.attrs |= {"n": len(images), "n_clones": n_clones, "n_steps": n_steps}
    for name, meaning in MEANING.items():
        if name in result:
            result[name].attrs["long_name"] = meaning
    return result


def _agreements(ends: np.ndarray, start: np.ndarray) -> dict[str, np.ndarray]:
    """Per starting image, from what its clones end as `(n_clones, n)`."""
    pairs = [(a, b) for a in range(len(ends)) for b in range(a)]
    return {
        "agreement": np.mean([ends[a] == ends[b] for a, b in pairs], axis=0),
        "kept": (ends == start).mean(0),
        "agreement_chance": np.mean(
            [ends[a] == np.roll(ends[b], 1) for a in range(len(ends)) for b in range(len(ends))], axis=0
        ),
    }
