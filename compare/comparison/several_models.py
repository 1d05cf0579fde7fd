"""Several networks of one data set: each against the optima, and all against each other from the same noise."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.cost import read_duration
from ..._support.estimates import shown
from ..._support.typed import typed
from ..._support.types import FilePath
from ...errors import EmptyDataError, ShapeError
from ...learned.data.images import ImageData
from ...theory.denoiser import Denoiser
from ...theory.levels import known_range
from ...theory.noise import karras_sigmas
from ..measures._reproducibility import reproducibility
from ._ahead.estimate import ahead_of
from ._compare import FIXED_PANELS, against, checked, for_shape, preparing, theories_for, warn_of_shared
from ._handed_over import wrong_with
from ._own_levels.steps import at_known_levels, in_all, without_missing
from ._own_levels.trained_range import trained_range
from ._partial import Partial
from ._run import Announce
from .options import Comparison

WIDEST = (0.002, 80.0)
PAIRS = {"model": "sampler", "other": "other_sampler"}
MEASURES = {"rp": "RP", "mae": "MAE score", "cosine": "cosine", "rmse": "RMSE", "rp_chance": "RP by chance"}


@typed
def compare_models(
    networks: Mapping[str, Denoiser],
    training: ImageData,
    held_out: ImageData,
    config: Comparison | None = None,
    *,
    notes: Mapping[str, str] | None = None,
    partial: FilePath | None = None,
    announce: Announce | None = None,
    show: bool | None = None,
    started: float | None = None,
) -> xr.Dataset:
    """`compare` of each network, over `(model)`, and `reproducibility` of all of them and of the optima.

    Parameters
    ----------
    networks : mapping of str to Denoiser
        Two or more networks of the event shape of the images, by name.
    training, held_out : ImageData
        The images of the optima, and images that were kept from training.
    config : Comparison, optional
        Noise levels, theories, numbers of images and draws; `config.n_samples` draws of each model.
    notes : mapping of str to str, optional
        What the report says of each network (default: its name).
    partial, announce
        As of `compare`.
    show : bool, optional
        Show progress bars (default: on a terminal).
    started : float, optional
        As of `compare`.

    Returns
    -------
    xarray.Dataset
        The variables of `compare` with a dimension `model` in front, `model_hand_over` (model), what is wrong with each
        network as it was handed over, line by line, and over `(sampler, other_sampler)`, the networks and the optima,
        `pair_rp`, `pair_mae`, `pair_cosine`, `pair_rmse`, ... with `_stderr`: `config.n_samples` draws from one
        starting noise by Heun's rule on 18 levels within the ranges that the networks know or were trained on.
        `one_model` gives back the comparison of a single network.

    Raises
    ------
    ShapeError
        If a network has another event shape than the images, or held-out images another than training images.
    EmptyDataError
        If there are fewer than two networks, or fewer than two images of a kind.
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
    >>> config = Comparison(levels=2, n_images=4, n_noise=1, n_samples=2, theories=("gaussian",))
    >>> networks = {"one": GaussianDenoiser.fit(training.images), "two": GaussianDenoiser.fit(held_out.images)}
    >>> dict(compare_models(networks, training, held_out, config, show=False).pair_rp.sizes)
    {'sampler': 3, 'other_sampler': 3}
    """
    config, notes = for_shape(config or Comparison(), training.shape, announce), notes or {}
    started = time.monotonic() if started is None else started
    if len(networks) < 2:
        raise EmptyDataError("networks", f"expected two or more, got {len(networks)}", "use compare for one network")
    for name, network in networks.items():
        own = getattr(network, "shape", None)
        if own is not None and tuple(own) != training.shape:
            problem = f"'{name}' denoises {tuple(own)}, the images are {training.shape}"
            raise ShapeError("networks", problem, "pass models of one event shape")
    config = at_known_levels(config, networks.values())
    checked(training, held_out, config)
    warn_of_shared(training, held_out)
    total = read_duration("budget", config.budget) if config.budget else 0.0
    share = replace(config, budget=f"{total / len(networks):.17g}") if total else config
    ahead = None if announce is None and not config.budget else ahead_of(training, held_out, config)
    if announce is not None:
        announce(preparing(training, config, ahead))
    theories: dict[str, Denoiser] = {}
    parts, wrong = [], []
    for i, (name, network) in enumerate(networks.items()):
        kept = Partial(None if partial is None else Path(partial) / _folder_name(name), share, training, held_out)
        if announce is not None:
            announce(f"{name}:")
        wrong.append("\n".join(wrong_with(network, training, held_out, config)))
        if announce is not None and wrong[-1]:
            announce(wrong[-1])
        # of the time that is left, every network may take an equal part
        left = total - (time.monotonic() - started)
        begun = time.monotonic() - (total / len(networks) - left / (len(networks) - i))
        with kept.held():
            theories, reported = theories_for(
                network,
                training,
                held_out,
                share,
                theories or None,
                partial=kept,
                started=begun,
                announce=announce,
                ahead=ahead,
            )
            parts.append(
                against(
                    theories, network, training, reported, share, notes.get(name, name), None, show,
                    partial=kept, announce=announce, started=begun if total else time.monotonic(), ahead=ahead,
                )
            )  # fmt: skip
    everywhere = [name for name in parts[0].theory.values if all(name in part.theory for part in parts)]
    parts = in_all([part.sel(theory=everywhere, panel=[*FIXED_PANELS, *everywhere]) for part in parts])
    common = [name for name in parts[0].data_vars if str(name).startswith("transition_")]
    axis = xr.Variable("model", list(networks))
    result = xr.concat(
        [part.drop_vars(common) for part in parts], dim=axis,
        data_vars="all", coords="minimal", compat="override", combine_attrs="override",
    ).merge(parts[0][common])  # fmt: skip
    for name in ("network", "trained_on"):
        values = [part.attrs[name] for part in parts]
        result[f"model_{name}"] = (("model", "side") if name == "trained_on" else "model", values)
    result["model_hand_over"] = ("model", wrong)
    pairs = reproducibility(
        {**networks, **theories}, training.shape, config.n_samples, sigmas=_levels(networks), seed=config.seed,
        centre=training.images.double().mean(0), show=show,
    ).rename(PAIRS)  # fmt: skip
    result = result.merge(pairs.rename({name: f"pair_{name}" for name in pairs.data_vars}))
    result.attrs = parts[0].attrs | {key: pairs.attrs[key] for key in ("threshold", "grey_values")}
    result.attrs |= {"n_samples": config.n_samples, "network": ", ".join(networks)}
    return result


def measure_model(
    name: str, network: Denoiser, training: ImageData, held_out: ImageData, config: Comparison, partial: FilePath
) -> None:
    """Leave the levels of one network in the folder `partial`, where `compare_models` of the same finds them."""
    kept, begun = Partial(Path(partial) / _folder_name(name), config, training, held_out), time.monotonic()
    with kept.held():
        theories, reported = theories_for(
            network, training, held_out, config, None, partial=kept, started=begun, announce=None
        )
        against(
            theories, network, training, reported, config, name, None, False,
            partial=kept, announce=None, started=begun,
        )  # fmt: skip


def _folder_name(model: str) -> str:
    """A folder for what is kept of a model, whose own name may be a path."""
    return f"model-{blake2b(model.encode(errors='surrogateescape'), digest_size=6).hexdigest()}"


def _levels(networks: Mapping[str, Denoiser]) -> list[float]:
    """A sampling grid that no network of known range has to leave."""
    ranges = [known for network in networks.values() if (known := trained_range(network))]
    ranges += [*map(known_range, networks.values()), WIDEST]
    low, high = max(low for low, _ in ranges), min(high for _, high in ranges)
    low, high = (low, high) if low < high else WIDEST
    return [*karras_sigmas(18, low, high), 0.0]


def models_of(result: xr.Dataset) -> list[str]:
    """The names of the models of a comparison; none where it is of a single network."""
    return [str(name) for name in result.model.values] if "model" in result.dims else []


@typed
def one_model(result: xr.Dataset, name: str) -> xr.Dataset:
    """The comparison of one of several networks, as `compare` gives it.

    Parameters
    ----------
    result : xarray.Dataset
        As of `compare_models`.
    name : str
        The name of the network.

    Returns
    -------
    xarray.Dataset
        Without the dimension `model` and without what concerns pairs of models.

    Raises
    ------
    UnknownNameError
        For a model that the result does not have.

    Examples
    --------
    >>> result = xr.Dataset({"rmse": ("model", [1.0, 2.0])}, coords={"model": ["one", "two"]})
    >>> result["model_network"] = ("model", ["a network", "another"])
    >>> result["model_trained_on"] = (("model", "side"), [[0.1, 1.0], [0.2, 2.0]])
    >>> part = one_model(result, "two")
    >>> part.rmse.item(), part.attrs["network"]
    (2.0, 'two: another')
    """
    part = result.sel(model=check.choice("name", name, map(str, result.model.values)), drop=True)
    part = part.drop_vars([key for key in part.variables if "sampler" in part[key].dims or "side" in part[key].dims])
    low, high = result.model_trained_on.sel(model=name).values
    wrong = str(result.model_hand_over.sel(model=name).item()) if "model_hand_over" in result else ""
    return (
        without_missing(part)
        .drop_vars(["model_network", "model_hand_over"], errors="ignore")
        .assign_attrs(
            network=f"{name}: {result.model_network.sel(model=name).item()}",
            trained_on=(low, high),
            hand_over=wrong.split("\n") if wrong else "",
        )
    )


def pair_rows(result: xr.Dataset) -> list[dict[str, str]]:
    """One row for every pair with at least one network, as text."""
    names, models = [str(name) for name in result.sampler.values], models_of(result)
    made = []
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if one in models:
                pair = result.sel(sampler=one, other_sampler=other)
                cells = {head: shown(pair, f"pair_{key}") for key, head in MEASURES.items()}
                made.append({"model": one, "other": other, **cells})
    return made


def pair_legend(result: xr.Dataset) -> str:
    """What the columns of `pair_rows` mean."""
    a = result.attrs
    return (
        f"{a['n_samples']} samples from the same noise. RP: share with cosine > {np.asarray(a['threshold']):g} of the"
        f" centred images; MAE score: share within {np.asarray(a['grey_values']):g} grey values of 255 on average; by"
        " chance: unrelated samples of the same two models."
    )
