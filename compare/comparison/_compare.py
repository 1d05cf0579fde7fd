"""A network against every optimum of its training set: distances, transitions, examples."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

import numpy as np
import torch
import xarray as xr

from ...errors import ArgumentError, CovarianceError, EmptyDataError, ShapeError
from ...learned.data.images import ImageData
from ...simulate.diffusion import noised
from ...theory.denoiser import Denoiser, with_condition
from ..measures.duplicates import exact_duplicates
from ._optima import optima
from ._predicted_transitions import as_variables, predicted_transitions
from ._track import track
from ._trained_range import Range, trained_range
from .options import HELD_OUT, PER_IMAGE, TRAINING, Comparison

N_EXAMPLE_LEVELS, EXAMPLE_RANGE = 5, (0.15, 0.77)  # where, in the list of noise levels, images differ most


def compare(
    network: Denoiser,
    training: ImageData,
    held_out: ImageData,
    config: Comparison | None = None,
    *,
    note: str = "",
    trained_on: Range | None = None,
    show: bool | None = None,
) -> xr.Dataset:
    """`track` on held-out and on training images, with the predicted transitions and a few denoised examples.

    Parameters
    ----------
    network : Denoiser
        The network, or any other denoiser.
    training : ImageData
        The images that the network was trained on, of which the optima are made.
    held_out : ImageData
        Images of the same shape that it has not seen.
    config : Comparison, optional
        Noise levels, theories, numbers of images and draws; of its other options only the seed counts here.
    note : str, optional
        What the report says of the network.
    trained_on : (float, float), optional
        The range of noise levels that the network was trained on; read from the network where it was loaded from a
        run, else without limits.
    show : bool, optional
        Show progress bars (default: on a terminal).

    Returns
    -------
    xarray.Dataset
        The variables of `track` with a dimension `split` ("held-out", "training") in front. `outside` (sigma) marks
        levels outside of `trained_on`; `transition_sigma` (transition) with `_stderr`, `transition_equation` and
        `transition_reference` are the predictions; `example` (panel, example_sigma, channel, height, width) is one
        held-out image at five noise levels: clean, noisy, and denoised by the network and by every theory.

    Raises
    ------
    ShapeError
        If training and held-out images differ in shape.
    EmptyDataError
        If there are fewer than two images of a kind.
    CovarianceError
        If all training images are equal.

    Warns
    -----
    UserWarning
        If held-out images are in the training set.

    Examples
    --------
    >>> from idealscore.learned.data import load
    >>> from idealscore.theory import GaussianDenoiser
    >>> training, held_out = load("digits").subset(60).split(0.5, seed=0)
    >>> config = Comparison(levels=2, n_images=8, n_noise=1, theories=("empirical", "gaussian"))
    >>> result = compare(GaussianDenoiser.fit(training.images), training, held_out, config, show=False)
    >>> result.closest.sel(split="held-out").values.tolist()
    ['gaussian', 'gaussian']
    """
    config = config or Comparison()
    theories = checked_optima(training, held_out, config)
    return against(theories, network, training, held_out, config, note, trained_on, show)


def checked_optima(training: ImageData, held_out: ImageData, config: Comparison) -> dict[str, Denoiser]:
    """The optima of `training`, once training and held-out images are fit for a comparison."""
    if held_out.shape != training.shape:
        raise ShapeError("held_out", f"has shape {held_out.shape}", f"pass images of shape {training.shape}")
    for name, images in {"training": training, "held_out": held_out}.items():
        if len(images) < 2:
            raise EmptyDataError(name, f"expected at least 2 images, got {len(images)}", "pass more images")
    if bool((training.images == training.images[0]).all()):
        raise CovarianceError("training", f"holds {len(training)} equal images", "pass images that differ")
    shared = exact_duplicates(held_out.images, training.images)
    if shared:
        warnings.warn(f"{shared} of the held-out images are in the training set", stacklevel=3)
    return optima(training, config.theories, config.patch_size, config.seed)


def against(
    theories: Mapping[str, Denoiser],
    network: Denoiser,
    training: ImageData,
    held_out: ImageData,
    config: Comparison,
    note: str,
    trained_on: Range | None,
    show: bool | None,
) -> xr.Dataset:
    """`compare` with the given optima."""
    splits = {HELD_OUT: held_out, TRAINING: training}
    labels = {name: labels_of(data, config) for name, data in splits.items()}
    tracks = [
        track(
            network, theories, data.images[: config.n_images], config.sigmas,
            n_noise=config.n_noise, seed=config.seed, condition=labels[name], show=show,
        )
        for name, data in splits.items()
    ]  # fmt: skip
    result = xr.concat(tracks, dim=xr.Variable("split", list(splits)), combine_attrs="override")
    first = labels[HELD_OUT]
    shown = network if first is None else with_condition(cast("Any", network), first[:1])
    result = result.merge(_examples(shown, theories, held_out.images[0], config))
    result = result.merge(as_variables(predicted_transitions(training, len(training))))
    low, high = trained_on or trained_range(network) or (0.0, np.inf)
    result["outside"] = ("sigma", (config.sigmas < low) | (config.sigmas > high))
    result.attrs = tracks[0].attrs | {
        "network": note,
        "data": training.name,
        "n_train": len(training),
        "held_out_in_training": exact_duplicates(held_out.images, training.images),
        "trained_on": (low, high),
        "configuration": json.dumps(asdict(config)),
    }
    return result


def labels_of(data: ImageData, config: Comparison) -> torch.Tensor | None:
    """The labels of the images that are noised, where the network shall be told them."""
    if config.condition != PER_IMAGE:
        return None
    if data.labels is None:
        raise ArgumentError("condition", f"is 'class', and {data.name} has no labels", "name one class, or pass labels")
    return torch.as_tensor(data.labels)[: config.n_images]


def _examples(
    network: Denoiser, theories: Mapping[str, Denoiser], image: torch.Tensor, config: Comparison
) -> xr.Dataset:
    """One held-out image at five noise levels, denoised by the network and by every theory."""
    chosen = np.unique((np.linspace(*EXAMPLE_RANGE, N_EXAMPLE_LEVELS) * (config.levels - 1)).round().astype(int))
    levels = config.sigmas[chosen]
    rows = {"clean": [], "noisy": [], "network": [], **{name: [] for name in theories}}
    for sigma in levels:
        x = noised(image[None], float(sigma), config.seed)
        with torch.no_grad():
            denoised = {"network": network(x, float(sigma))} | {k: d(x, float(sigma)) for k, d in theories.items()}
        for name, picture in {"clean": image[None], "noisy": x, **denoised}.items():
            rows[name].append(picture[0].float().numpy(force=True))
    return xr.Dataset(
        {"example": (("panel", "example_sigma", "channel", "height", "width"), np.array(list(rows.values())))},
        coords={"panel": list(rows), "example_sigma": levels},
    )
