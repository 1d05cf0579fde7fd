"""A trained network against the identities of an optimal denoiser: how far it is from each, per noise level."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from functools import partial as partial_call
from pathlib import Path
from typing import cast

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check_argument
from ..._support import progress as _progress
from ..._support.estimates import shown
from ..._support.files.kept_levels import KeptLevels
from ..._support.files.lock import held
from ..._support.labels import class_number
from ..._support.modules import at_least_float32, floating_dtype, in_double, in_evaluation
from ..._support.results import provenance
from ..._support.streams import normal_batch, stream
from ..._support.typed import typed
from ..._support.types import Array, FilePath, Record
from ...errors import ArgumentError, EmptyDataError, NoiseLevelError
from ...learned._classes import class_of
from ...learned.data.images import ImageData
from ...learned.networks.ensemble import EnsembleDenoiser
from ...theory.denoiser import Denoiser, with_condition
from ...theory.identities import IDENTITIES, Finding, Report, check
from ...theory.identities._check import FEWEST_SAMPLES, sample_count
from ...theory.levels import known_range, within_known_range
from ._handover.before_use import tried

MARGIN = 1.06  # the contract is tried 5 % beyond the levels
WORK = 2**29  # draws times parameters of a network by default, some minutes of two cores


@partial(typed, says={"label": "condition"})
def network_identities(
    network: Denoiser | torch.nn.Module,
    data: ImageData | None,
    sigmas: Sequence[float],
    *,
    condition: int | str | None = None,
    member: int = 0,
    n_points: int = 4,
    n_samples: int | None = None,
    identities: Iterable[str] | None = None,
    seed: int = 0,
    done: Callable[[xr.Dataset], object] = lambda result: None,
    show: bool | None = None,
    partial: FilePath | None = None,
) -> xr.Dataset:
    """How far a trained network is from each identity of an optimal denoiser.

    The network is measured in double precision, on copies of its weights and in evaluation mode, so that rounding does
    not enter the result; it stays as it is. One that cannot be is measured in its own precision. A learned denoiser
    is not a gradient field and not a posterior mean: how far it is from either is a result, not an error.

    Parameters
    ----------
    network : Denoiser
        A network, or an ensemble of them; one without a `shape` needs data.
    data : ImageData or None
        Averages and points come from these images; without them the points are standard normal draws and the averages
        are left out.
    sigmas : sequence of float
        Noise levels > 0; those that the network does not know are left out.
    condition : int or str, optional
        The class, by number or by name, at which a conditional network is measured, on images of that class.
    member : int, optional
        Which network of an ensemble.
    n_points : int, optional
        Points at which identities are checked, at least 2.
    n_samples : int, optional
        Draws of the averages (default: that of `theory.identities.check`, and of a network of more than some 250,000
        parameters at most 2^29 over their number, but 24).
    identities : iterable of str, optional
        Their names (default: all).
    seed : int, optional
        Of points and noise.
    done : callable, optional
        Is told, after each noise level, the result so far.
    show : bool, optional
        Show progress (default: on a terminal, and a line now and then elsewhere).
    partial : path, optional
        A folder that keeps every noise level as it is done: the same call goes on where a stopped one was.

    Returns
    -------
    xarray.Dataset
        Over `(identity, sigma)`: `size`, the relative violation, with `size_stderr`, and `verdict`. With data, the
        attribute `hand_over` holds what `handover` finds wrong with the network.

    Raises
    ------
    ArgumentError
        If the data have another shape than the network, or no image of the class, or no shape is known.
    NoiseLevelError
        If a noise level is not finite and > 0, or the network knows none of them.
    UnknownNameError
        If an identity is unknown.
    DenoiserContractError
        If the network returns another shape, or values that are not finite.
    OutputError
        If another process works in `partial`, or it cannot be written.

    Examples
    --------
    >>> from idealscore.learned.networks import LinearDenoiser
    >>> found = network_identities(LinearDenoiser((2,)), None, [1.0])
    >>> found["size"].dims
    ('identity', 'sigma')
    """
    levels = check_argument.positive_sigmas("sigmas", list(sigmas))
    n_points, seed = check_argument.integer("n_points", n_points, 2), check_argument.seed("seed", seed)
    if identities is not None and not (identities := list(identities)):
        raise EmptyDataError("identities", "is empty", "name at least one, or leave it out")
    denoiser = _single(network, member)
    shape, device = _place(denoiser, data)
    levels = _known(denoiser, levels)
    n_samples = draws_of(denoiser, n_samples, shape)
    images = None if data is None else _of_class(data, condition, shape).double()
    number = None if condition is None else class_of(denoiser, condition, data, "label")
    noise = normal_batch(seed, "identity-points-noise", range(n_points), shape, device=device)
    plain, dtype = _precise(denoiser, number, noise, float(levels[0]))

    def prior(n: int, seed: int) -> torch.Tensor:
        assert images is not None
        return images[stream(seed, "identity-images").integers(0, len(images), n)].to(device, dtype)

    if images is None:
        clean = normal_batch(seed, "identity-points", range(n_points), shape, device=device).to(dtype)
    else:
        clean = prior(n_points, seed)
    noise = noise.to(dtype)
    names = None if identities is None else list(identities)
    asked = {
        "condition": number, "n_points": n_points, "n_samples": n_samples, "seed": seed,
        "identities": names,
        "data": None if data is None else data.fingerprint,
    }  # fmt: skip
    kept = KeptLevels(None if partial is None else Path(partial), asked)
    findings = []
    wrong = [] if images is None else tried(denoiser, number, images.to(device), seed)
    made = provenance(seed=seed, device=str(device)) | {"hand_over": wrong or ""}
    holding = nullcontext() if kept.folder is None else held(kept.folder)
    with holding, _progress.overall(len(levels), "identities", show) as bar:
        for sigma in levels.tolist():
            points = clean + sigma * noise
            measure = partial_call(
                check, plain, points, sigma, prior=None if images is None else prior, every_sigma=False,
                identities=names, n_samples=n_samples, seed=seed,
            )  # fmt: skip
            records = kept.level(sigma, partial_call(plain, points[:1], sigma), partial_call(_records, measure))
            findings += [Finding(**record) for record in records]
            bar.update()
            done(Report(tuple(findings)).to_dataset().assign_attrs(made))
    return Report(tuple(findings)).to_dataset().assign_attrs(made)


def _records(measure: Callable[[], Iterable[Finding]]) -> list[Record]:
    return [asdict(finding) for finding in measure()]


def known_levels_of(network: Denoiser | torch.nn.Module, sigmas: Sequence[float], member: int = 0) -> Array:
    """Those of the noise levels that the network knows."""
    return _known(_single(network, member), check_argument.positive_sigmas("sigmas", list(sigmas)))


def draws_of(network: Denoiser | torch.nn.Module, asked: int | None, shape: Sequence[int], member: int = 0) -> int:
    """The number of draws of the averages: as asked for, else by the size of an image and of the network."""
    one, draws = _single(network, member), sample_count(asked, math.prod(shape))
    if asked is not None or not isinstance(one, torch.nn.Module):
        return draws
    parameters = sum(weight.numel() for weight in one.parameters())
    return max(FEWEST_SAMPLES, min(draws, WORK // max(1, parameters)))


def _single(network: Denoiser | torch.nn.Module, member: int) -> Denoiser:
    """One network."""
    if not isinstance(network, EnsembleDenoiser):
        return cast("Denoiser", network)
    return network.network(check_argument.integer("member", member, 0, network.replicas - 1))


def _place(denoiser: Denoiser, data: ImageData | None) -> tuple[tuple[int, ...], torch.device]:
    """The event shape, and where the weights are."""
    shape = getattr(denoiser, "shape", None) or (None if data is None else data.shape)
    if shape is None:
        raise ArgumentError("data", "are missing, and the network does not say its shape", "pass images of that shape")
    weights = denoiser.parameters() if isinstance(denoiser, torch.nn.Module) else iter(())
    return tuple(shape), next((weight.device for weight in weights), torch.device("cpu"))


def _known(denoiser: Denoiser, levels: Array) -> Array:
    """The levels that the network knows, with a margin for the levels next to them."""
    within_known_range(denoiser, float(levels.min()), float(levels.max()))
    low, high = known_range(denoiser)
    known = levels[(levels >= MARGIN * low) & (levels <= high / MARGIN)]
    if not known.size:
        raise NoiseLevelError("sigmas", f"are none of {low:.4g} ... {high:.4g}", "ask for levels the network knows")
    return known


def _precise(
    denoiser: Denoiser, condition: int | None, like: torch.Tensor, sigma: float
) -> tuple[Denoiser, torch.dtype]:
    """The network in float64, on copies of its weights, else as it is; with the precision of its points."""
    if not isinstance(denoiser, torch.nn.Module):
        return _at(denoiser, condition), torch.float64
    wide = _at(in_double(denoiser), condition)
    try:
        with torch.no_grad():
            if wide(like[:1].double(), sigma).dtype == torch.float64:
                return wide, torch.float64
    except Exception:  # whatever a foreign network says to float64: what is wrong with it shows in its own precision
        pass
    return _at(in_evaluation(denoiser), condition), at_least_float32(floating_dtype(denoiser, torch.float32))


def _at(denoiser: Callable[..., torch.Tensor], condition: int | None) -> Denoiser:
    return denoiser if condition is None else with_condition(denoiser, condition)


def _of_class(data: ImageData, condition: int | str | None, shape: tuple[int, ...]) -> torch.Tensor:
    if data.shape != shape:
        raise ArgumentError(
            "data", f"are images of shape {data.shape}", f"pass images of shape {shape}, as the network has"
        )
    if condition is None or data.labels is None:
        return data.images
    number = class_number("label", condition, data.class_names, data.n_classes)
    chosen = data.images[data.labels == number]
    if len(chosen) == 0:
        raise ArgumentError("label", f"expected a class of the data, got {condition}", "pass a class of the data")
    return chosen


def rows(result: xr.Dataset) -> list[Record]:
    """One record per identity and noise level that was measured."""
    return [
        {
            "identity": str(name),
            "sigma": float(sigma),
            "size": float(result["size"].sel(identity=name, sigma=sigma)),
            "size_stderr": float(result["size_stderr"].sel(identity=name, sigma=sigma)),
            "verdict": str(result["verdict"].sel(identity=name, sigma=sigma).item()),
        }
        for name in result.identity.values
        for sigma in result.sigma.values
        if np.isfinite(result["size"].sel(identity=name, sigma=sigma))
    ]


@typed
def identities_table(result: xr.Dataset) -> str:
    """The table of violated identities as text: a line for each identity, a column for each noise level.

    Parameters
    ----------
    result : xarray.Dataset
        As of `network_identities`.

    Returns
    -------
    str
        The relative violations with their errors, and below them what each identity says.

    Examples
    --------
    >>> from idealscore.learned.networks import LinearDenoiser
    >>> identities_table(network_identities(LinearDenoiser((2,)), None, [1.0])).split()[:3]
    ['identity', 'sigma', '1']
    """
    measured = [name for name in result.identity.values if bool(result["size"].sel(identity=name).notnull().any())]
    head = ["identity", *(f"sigma {sigma:.3g}" for sigma in result.sigma.values)]
    lines = [head]
    for name in measured:
        cells = [shown(result.sel(identity=name, sigma=s), "size") for s in result.sigma.values]
        lines.append([str(name), *cells])
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    left_out = [str(name) for name in result.identity.values if name not in measured]
    notes = [f"{name}: {IDENTITIES[str(name)].summary}" for name in measured]
    legend = ["", "relative violation, root mean square over places; 0 holds exactly", *notes]
    if len(found := np.atleast_1d(result.attrs.get("hand_over", ""))) and found[0]:
        legend += ["", *(f"the network as it was handed over: {problem}" for problem in found)]
    if left_out:
        legend += ["", f"not measured: {', '.join(left_out)}"]
    return "\n".join([*text, *legend])
