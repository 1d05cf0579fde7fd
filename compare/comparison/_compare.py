"""A network against every optimum of its training set: distances, transitions, examples."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np
import torch
import xarray as xr

from ..._support.cost import duration, read_duration
from ..._support.estimates import estimates
from ..._support.typed import typed
from ..._support.types import FilePath
from ...errors import ArgumentError, CovarianceError, EmptyDataError, ShapeError
from ...learned.data.images import ImageData
from ...simulate.diffusion import noised
from ...theory.denoiser import Denoiser
from ...theory.local.patches import LocalDenoiser
from ..measures._predicted_errors import predicted_errors
from ..measures.duplicates import exact_duplicates
from ._ahead.estimate import Ahead, ahead_of, without_what_takes_too_long
from ._handed_over import wrong_with
from ._optima import name_of, optima, own_callable
from ._own_levels.steps import at_known_levels, with_steps
from ._own_levels.trained_range import Range, trained_range
from ._partial import Partial
from ._patch_sizes import BANK, NETWORK, PROBES, candidates, choose_patch_sizes, sizes_at
from ._predicted_transitions import as_variables, predicted_transitions
from ._run import Announce, Run
from ._track import conditioned, featureless
from .options import HELD_OUT, PER_IMAGE, TRAINING, Comparison

CHOOSING = 3  # so large a part of a budget may go into the choice of the patch sizes
FIXED_PANELS = ("clean", "noisy", "network")
OF_IMAGES = ("local", "masked")


@typed
def compare(
    network: Denoiser,
    training: ImageData,
    held_out: ImageData,
    config: Comparison | None = None,
    *,
    note: str = "",
    trained_on: Range | None = None,
    partial: FilePath | None = None,
    announce: Announce | None = None,
    show: bool | None = None,
    started: float | None = None,
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
    partial : path, optional
        A folder that keeps every noise level as it is done: the same call goes on where a stopped one was, with the
        same result.
    announce : callable, optional
        Is told, as text, the plan with its time and memory (from a probe of about a second of each part) before the
        work starts, and what was left out. Without it nothing is probed, and what was left out is a warning.
    show : bool, optional
        Show progress bars (default: on a terminal).
    started : float, optional
        When the time of a budget began to run, by `time.monotonic` (default: with the call).

    Returns
    -------
    xarray.Dataset
        The variables of `track` with a dimension `split` ("held-out", "training") in front; the null knows the mean
        and the variance of the training images. `patch_size` (sigma) is that of the local optimum. `outside` (sigma)
        marks levels outside of `trained_on`; of a network in steps, `network_step`, `network_sigma` and `step_error`
        (sigma) are those of `track`; `transition_sigma` (transition) with `_stderr`, `transition_equation` and
        `transition_reference` are the predictions; `predicted_denoising_error` (split, sigma) and
        `predicted_disagreement` (sigma), with `_stderr`, what the spectrum of all images expects of Gaussian optima of
        as many training images, the latter E|D_1 - D_2|^2 / d of two disjoint sets; `example` (panel, example_sigma,
        channel, height, width) is one held-out image at five noise levels: clean, noisy, and denoised by the network
        and by every theory; of data that are no images it is over `(panel, example_sigma, *axes of an item)`. The
        attributes hold how the data were scaled, `data_scaling`, their range and how it was found, and `hand_over`,
        what is wrong with the network.

    Raises
    ------
    ShapeError
        If training and held-out images differ in shape.
    EmptyDataError
        If there are fewer than two images of a kind.
    CovarianceError
        If all training images are equal.
    ArgumentError
        If a patch is larger than the images, or the budget too small for one evaluation.
    OutputError
        If another process works in `partial`, or it cannot be written.

    Warns
    -----
    UserWarning
        If held-out images are in the training set, or a theory gives NaN at a noise level.

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
    config = at_known_levels(for_shape(config or Comparison(), training.shape, announce), [network])
    started = time.monotonic() if started is None else started
    checked(training, held_out, config)
    warn_of_shared(training, held_out)
    ahead = None if announce is None and not config.budget else ahead_of(training, held_out, config)
    if announce is not None:
        announce(preparing(training, config, ahead))
    found = wrong_with(network, training, held_out, config, trained_on)
    if announce is not None and found:
        announce("\n".join(found))
    kept = Partial(partial, config, training, held_out)
    with kept.held():
        theories, reported = theories_for(
            network, training, held_out, config, partial=kept, started=started, announce=announce, ahead=ahead
        )
        result = against(
            theories, network, training, reported, config, note, trained_on, show,
            partial=kept, announce=announce, started=started, ahead=ahead,
        )  # fmt: skip
    return result.assign_attrs(hand_over=found or "")


def for_shape(config: Comparison, shape: tuple[int, ...], announce: Announce | None = None) -> Comparison:
    """The comparison without the theories of pixels and their neighbours, where the data are no images."""
    if len(shape) == 3 or not set(config.theories) & set(OF_IMAGES):
        return config
    left = tuple(theory for theory in config.theories if theory not in OF_IMAGES)
    if not left:
        problem = f"asks for {', '.join(config.theories)} alone, and data of shape {shape} have no pixels"
        raise ArgumentError("theories", problem, "ask for empirical, gaussian or mixture")
    if announce is not None:
        announce(f"left out for data of shape {shape}, which have no pixels: {', '.join(OF_IMAGES)}")
    return replace(config, theories=left)


def checked(training: ImageData, held_out: ImageData, config: Comparison) -> None:
    """Errors, before any work, where the images are not fit for a comparison."""
    if held_out.shape != training.shape:
        raise ShapeError("held_out", f"has shape {held_out.shape}", f"pass images of shape {training.shape}")
    for name, images in {"training": training, "held_out": held_out}.items():
        if len(images) < 2:
            raise EmptyDataError(name, f"expected at least 2 images, got {len(images)}", "pass more images")
    if bool((training.images == training.images[0]).all()):
        raise CovarianceError("training", f"holds {len(training)} equal images", "pass images that differ")
    if "local" in config.theories:
        candidates(config.patch_sizes, training.shape)
        if NETWORK in config.patch_sizes and len(held_out) < 4:
            raise EmptyDataError("held_out", f"expected at least 4 images, got {len(held_out)}", "pass more images")
    for theory in config.theories:
        own_callable(theory)


def warn_of_shared(training: ImageData, held_out: ImageData) -> None:
    """A word where held-out images are in the training set."""
    shared = exact_duplicates(held_out.images, training.images)
    if shared:
        warnings.warn(f"{shared} of the held-out images are in the training set", stacklevel=4)


def theories_for(
    network: Denoiser,
    training: ImageData,
    held_out: ImageData,
    config: Comparison,
    known: Mapping[str, Denoiser] | None = None,
    *,
    partial: Partial,
    started: float,
    announce: Announce | None = None,
    ahead: Ahead | None = None,
) -> tuple[dict[str, Denoiser], ImageData]:
    """The theories, the patch size chosen as told, and the held-out images that are left to report on.

    `known` are theories that need not be made again; the local one is, where the network has a say in it. Patch sizes
    that an earlier start has chosen are taken from `partial`; their choice takes up to a third of a budget. Theories
    that by `ahead` take too long to be made are left out.
    """
    left = left_of(config, started)
    settled = partial.choices()
    if settled is not None:
        kept = tuple(theory for theory in config.theories if name_of(theory) in settled["theories"])
        config = replace(config, theories=kept)
    elif left is not None and ahead is not None and not known:
        config, missing = without_what_takes_too_long(config, ahead, left)
        if missing:
            text = f"left out to keep {config.budget}, since they take long to be made: {', '.join(missing)}"
            announce(text) if announce is not None else warnings.warn(text, stacklevel=3)
    sizes, reported = config.patch_sizes, held_out
    others = held_out.images if "finite-sample" in config.theories else None
    if "local" not in config.theories:
        return dict(known or optima(training, config.theories, None, config.seed, others)), reported
    unreported = None
    if NETWORK in sizes:
        n = min(PROBES, len(held_out) // 2)
        unreported = held_out.images[-n:]
        network = conditioned(network, labels_of(held_out, config), slice(-n, None))
        reported = held_out.take(range(len(held_out) - n), held_out.name)
    if known and NETWORK not in sizes:
        return dict(known), reported
    chosen = partial.patch_sizes(
        lambda: choose_patch_sizes(
            training.images, config.sigmas, sizes, config.seed, network, unreported,
            seconds=None if left is None else left / CHOOSING, say=announce or _unless_told(left),
        ),
        config.sigmas, network, None if unreported is None else unreported[0],
    )  # fmt: skip
    if known:
        return {**known, "local": LocalDenoiser(training.images, chosen, equivariant=False)}, reported
    return optima(training, config.theories, chosen, config.seed, others), reported


def left_of(config: Comparison, started: float) -> float | None:
    """The seconds of the budget that are left; None without a budget, an error where none are."""
    if not config.budget:
        return None
    left = read_duration("budget", config.budget) - (time.monotonic() - started)
    if left <= 0:
        problem = f"is {config.budget}, and {duration(time.monotonic() - started)} went before the theories are made"
        raise ArgumentError("budget", problem, "allow more time")
    return left


def _unless_told(left: float | None) -> Announce:
    """Where nobody listens, what a budget makes skip is a warning, and the rest is not said."""
    return lambda text: warnings.warn(text, stacklevel=5) if left is not None and "to keep" in text else None


def against(
    theories: Mapping[str, Denoiser],
    network: Denoiser,
    training: ImageData,
    held_out: ImageData,
    config: Comparison,
    note: str,
    trained_on: Range | None,
    show: bool | None,
    *,
    partial: Partial,
    announce: Announce | None,
    started: float,
    ahead: Ahead | None = None,
) -> xr.Dataset:
    """`compare` with the given theories."""
    n = config.images_for(len(training), training.images[0].numel())
    splits = {HELD_OUT: held_out, TRAINING: training}
    labels = {split: labels_of(data, config) for split, data in splits.items()}
    run = Run(
        network,
        theories,
        featureless(training.images),
        {split: data.images[:n] for split, data in splits.items()},
        labels,
        config,
        partial,
        tuple(name_of(theory) for theory in config.theories if "=" in theory),
        announce,
        started,
        show,
        None if ahead is None else ahead.part,
    )
    run.prepare()
    tracks = run.tracks()
    result = xr.concat(tracks, dim=xr.Variable("split", list(run.splits)), combine_attrs="override")
    shown = conditioned(network, labels[HELD_OUT], slice(1))
    result = result.merge(_examples(shown, run.theories, held_out.images[0], config))
    result = result.merge(as_variables(predicted_transitions(training, len(training))))
    result = result.merge(_predicted(training, held_out, config))
    low, high = trained_on or trained_range(network) or (0.0, np.inf)
    result = with_steps(result, network)
    result["outside"] = ("sigma", (config.sigmas < low) | (config.sigmas > high))
    local = run.theories.get("local")
    if isinstance(local, LocalDenoiser):
        result["patch_size"] = ("sigma", sizes_at(local.patch_size, config.sigmas))
    result.attrs = tracks[0].attrs | {
        "network": note,
        "data": training.name,
        "data_scaling": training.understood.scaling,
        "data_range": [training.range.low, training.range.high],
        "data_range_found": training.range.found,
        "n_train": len(training),
        "held_out_in_training": exact_duplicates(held_out.images, training.images),
        "trained_on": (low, high),
        "patch_sizes": _how(config, len(training)),
        "left_out": [name for name in map(name_of, config.theories) if name not in run.theories] or "",
        "configuration": json.dumps(asdict(config)),
    }
    return result


def _predicted(training: ImageData, held_out: ImageData, config: Comparison) -> xr.Dataset:
    """Before training: errors and disagreement of Gaussian optima of as many images, by the spectrum of all images."""
    images = torch.cat([training.images, held_out.images])
    found = predicted_errors(images, [len(training)], config.sigmas).isel(n_train=0, drop=True)
    value, error = (np.stack([found[f"{name}{end}"] for name in ("test", "train")]) for end in ("", "_stderr"))
    apart = found.disagreement.values, found.disagreement_stderr.values
    return xr.Dataset(
        {
            **estimates(("split", "sigma"), predicted_denoising_error=(value, error)),
            **estimates("sigma", predicted_disagreement=apart),
        },
        coords={"split": [HELD_OUT, TRAINING], "sigma": found.sigma},
    )


def labels_of(data: ImageData, config: Comparison) -> torch.Tensor | None:
    """The labels of the images that are noised, where the network shall be told them."""
    if config.condition != PER_IMAGE:
        return None
    if data.labels is None:
        raise ArgumentError("condition", f"is 'class', and {data.name} has no labels", "name one class, or pass labels")
    return torch.as_tensor(data.labels)


def preparing(training: ImageData, config: Comparison, ahead: Ahead | None = None) -> str:
    """What is done before there is a plan, and how long it will take."""
    names = ", ".join(name_of(theory) for theory in config.theories)
    sizes = f", patch sizes: {_how(config, len(training))}" if "local" in config.theories else ""
    takes = "" if ahead is None else f", {ahead}"
    return f"preparing {names} of {len(training)} images{sizes}{takes} ..."


def _how(config: Comparison, n_train: int) -> str:
    """How the patch sizes came about, in words."""
    if "local" not in config.theories:
        return ""
    among = [str(size) for size in config.patch_sizes if not isinstance(size, str)]
    if len(among) == 1:
        return f"{among[0]} as told"
    bank = f"{min(BANK, n_train)} of the training images" if n_train > BANK else "the training images"
    judge = "denoises left-out images best" if NETWORK not in config.patch_sizes else "explains the network best"
    where = " (on held-out images that are not reported)" if NETWORK in config.patch_sizes else ""
    return f"at each level, that which {judge}{where}, of {', '.join(among) or 'all odd sizes'}, by {bank}"


def _examples(
    network: Denoiser, theories: Mapping[str, Denoiser], image: torch.Tensor, config: Comparison
) -> xr.Dataset:
    """One held-out image at five noise levels, denoised by the network and by every theory."""
    levels = config.example_sigmas
    rows = {name: [] for name in (*FIXED_PANELS, *theories)}
    for sigma in levels:
        x = noised(image[None], float(sigma), config.seed)
        with torch.no_grad():
            denoised = {"network": network(x, float(sigma))} | {k: d(x, float(sigma)) for k, d in theories.items()}
        for name, picture in {"clean": image[None], "noisy": x, **denoised}.items():
            rows[name].append(picture[0].float().numpy(force=True))
    return xr.Dataset(
        {"example": (("panel", "example_sigma", *_axes(image)), np.array(list(rows.values())))},
        coords={"panel": list(rows), "example_sigma": levels},
    )


def _axes(item: torch.Tensor) -> tuple[str, ...]:
    """Names for the axes of an item."""
    return ("channel", "height", "width") if item.ndim == 3 else tuple(f"axis_{k}" for k in range(item.ndim))
