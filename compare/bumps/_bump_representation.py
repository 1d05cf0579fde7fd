"""The geometry of the representation of networks trained on bumps [@Liang2024]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..._support.typed import typed
from ..._support.types import Device, FilePath
from ...learned.training.bumps import encode_centres
from ...simulate.bumps import bump_images
from ...simulate.diffusion import starting_noise
from ..representation._factorisation import factorisation, factorisation_of_values
from .plans import BumpPlan

if TYPE_CHECKING:
    import xarray as xr
from .studies import _attributes, _centre_errors, _folder, _right


@typed
def bump_representation(
    plan: BumpPlan, seed: int = 0, run_dir: FilePath | None = None, device: Device = "cpu"
) -> xr.Dataset:
    """The factorisation of networks trained on all bumps of a torus, layer by layer, next to what they are given.

    Read at the highest noise level, where the input is one and the same noise, so that the condition alone can tell
    the places apart.

    Parameters
    ----------
    plan : BumpPlan
        What is trained and measured.
    seed : int
        Of the sets, the networks and their samples.
    run_dir : path, optional
        Where the networks are kept; a stopped run goes on from there.
    device : str or torch.device
        Where they are trained.

    Returns
    -------
    xarray.Dataset
        All of `factorisation` over (source, network): the layers of `plan.layers`, then "code" (the condition itself)
        and "pixels" (the images), which a network need not have learned; `accuracy` (network) of what they paint; and
        `centre_error` (network, place), rms in pixels, at the places trained on and half-way between them: a
        continuous map has one error for both.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from idealscore.compare.bumps import plan
    >>> from idealscore.learned.training import TrainConfig
    >>> from idealscore.simulate.bumps import BumpCanvas
    >>> quick = plan("small").with_recipe(
    ...     network="mlp", options={"width": 4, "depth": 1}, train=TrainConfig(steps=3, batch=2), levels=2
    ... )
    >>> quick = replace(quick, seeds=1, torus=BumpCanvas(6, periodic=True), layers=("blocks.0",))
    >>> found = bump_representation(quick)
    >>> found.source.values.tolist()
    ['blocks.0', 'code', 'pixels']
    """
    import xarray as xr

    canvas, recipe = plan.torus, plan.recipe
    centres, n = canvas.centres(), len(canvas.positions)
    networks = recipe.fit(canvas, [centres] * plan.seeds, seed, _folder(run_dir, "torus"), device)
    right = _right(plan, networks, canvas, centres).mean(-1)
    code = encode_centres(centres, canvas, recipe.resolution).to(device)
    noise = starting_noise(1, (1, canvas.size, canvas.size), recipe.sigma_max, seed, torch.float32).to(device)
    x = noise.expand(n, n, *noise.shape[1:])
    found: list[xr.Dataset] = []
    for network in networks.networks():
        rows: list[xr.Dataset] = [
            factorisation(network, layer, x, code.reshape(n, n, -1), recipe.sigma_max) for layer in plan.layers
        ]
        found.append(xr.concat(rows, dim="source"))
    learned = xr.concat(found, dim="network")
    images = bump_images(centres, canvas).reshape(n, n, -1)
    given = [factorisation_of_values(values) for values in (code.reshape(n, n, -1).numpy(force=True), images)]
    beside = xr.concat(given, dim="source").expand_dims(network=plan.seeds)
    result = xr.concat([learned, beside], dim="source")
    result = result.assign_coords(source=[*plan.layers, "code", "pixels"])
    result["accuracy"] = ("network", right)
    result = result.assign_coords(place=["trained", "between"])
    result["centre_error"] = (("network", "place"), _centre_errors(plan, networks, canvas))
    result.attrs = _attributes(plan, seed, device)
    return result
