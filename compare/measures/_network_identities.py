"""A trained network against the identities of an optimal denoiser: how far it is from each, per noise level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check_argument
from ..._support import progress as _progress
from ..._support.estimates import shown
from ..._support.results import provenance
from ..._support.streams import normal_batch, stream
from ..._support.types import Record
from ...errors import ArgumentError
from ...learned.data.images import ImageData
from ...learned.networks.base import NetworkDenoiser
from ...learned.networks.ensemble import EnsembleDenoiser
from ...theory.denoiser import with_condition
from ...theory.identities import IDENTITIES, Report, check


def network_identities(
    network: torch.nn.Module,
    data: ImageData | None,
    sigmas: Sequence[float],
    *,
    condition: int | None = None,
    member: int = 0,
    n_points: int = 4,
    n_samples: int | None = None,
    identities: Iterable[str] | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """How far a trained network is from each identity of an optimal denoiser.

    The network is measured in double precision, so that rounding does not enter the result. A learned denoiser is not a
    gradient field and not a posterior mean: how far it is from either is a result, not an error.

    Parameters
    ----------
    network : torch.nn.Module
        A network with a `shape`, or an ensemble of them.
    data : ImageData or None
        Averages and points come from these images; without them the points are standard normal draws and the averages
        are left out.
    sigmas : sequence of float
        Noise levels > 0.
    condition : int, optional
        The class at which a conditional network is measured, on images of that class.
    member : int, optional
        Which network of an ensemble.
    n_points : int, optional
        Points at which identities are checked, at least 2.
    n_samples : int, optional
        Draws of the averages (default: that of `theory.identities.check`).
    identities : iterable of str, optional
        Their names (default: all).
    seed : int, optional
        Of points and noise.

    Returns
    -------
    xarray.Dataset
        Over `(identity, sigma)`: `size`, the relative violation, with `size_stderr`, and `verdict`.

    Raises
    ------
    ArgumentError
        If the data have another shape than the network, or no image of the class.
    NoiseLevelError
        If a noise level is not finite and > 0.
    UnknownNameError
        If an identity is unknown.
    DenoiserContractError
        If the network returns another shape, or values that are not finite.

    Examples
    --------
    >>> from idealscore.learned.networks import LinearDenoiser
    >>> found = network_identities(LinearDenoiser((2,)), None, [1.0])
    >>> found["size"].dims
    ('identity', 'sigma')
    """
    levels = check_argument.positive_sigmas("sigmas", list(sigmas))
    n_points = check_argument.integer("points", n_points, 2)
    denoiser = _single(network, member)
    shape, device = tuple(denoiser.shape), next(denoiser.parameters()).device
    denoiser = denoiser.double()
    plain = denoiser if condition is None else with_condition(denoiser, condition)
    images = None if data is None else _of_class(data, condition, shape).double()

    def prior(n: int, seed: int) -> torch.Tensor:
        assert images is not None
        return images[stream(seed, "identity-images").integers(0, len(images), n)].to(device)

    clean = torch.zeros(n_points, *shape, dtype=torch.float64, device=device)
    if images is None:
        clean = clean + normal_batch(seed, "identity-points", range(n_points), shape, device=device)
    else:
        clean = prior(n_points, seed)
    noise = normal_batch(seed, "identity-points-noise", range(n_points), shape, device=device)
    findings = []
    for sigma in _progress.bar(levels.tolist(), label="identities"):
        findings += check(
            plain,
            clean + sigma * noise,
            sigma,
            prior=None if images is None else prior,
            every_sigma=False,
            identities=identities,
            n_samples=n_samples,
            seed=seed,
        )
    result = Report(tuple(findings)).to_dataset()
    return result.assign_attrs(provenance(seed=seed, device=str(device)))


def _single(network: torch.nn.Module, member: int) -> NetworkDenoiser:
    """One network; a foreign one needs only what is used here: `shape` and parameters."""
    if not isinstance(network, EnsembleDenoiser):
        return cast("NetworkDenoiser", network)
    return network.network(check_argument.integer("member", member, 0, network.replicas - 1))


def _of_class(data: ImageData, condition: int | None, shape: tuple[int, ...]) -> torch.Tensor:
    if data.shape != shape:
        raise ArgumentError(
            "data", f"are images of shape {data.shape}", f"pass images of shape {shape}, as the network has"
        )
    if condition is None or data.labels is None:
        return data.images
    chosen = data.images[data.labels == condition]
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
    if left_out:
        legend += ["", f"not measured: {', '.join(left_out)}"]
    return "\n".join([*text, *legend])
