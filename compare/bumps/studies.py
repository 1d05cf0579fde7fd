"""Networks trained on bumps and stripes: composition, data efficiency, representation, percolation [@Liang2024]."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..._support import checks as check
from ..._support.estimates import estimates, mean_error
from ..._support.results import provenance
from ..._support.streams import stream_seed
from ..._support.types import Device, FilePath
from ...learned.networks import EnsembleDenoiser
from ...learned.probes.bump_centres import fit_centres
from ...learned.training.bumps import encode_centres
from ...simulate.bumps import REGIONS, BumpCanvas, bump_images, stripe_labels
from ...simulate.bumps.labels import random_share
from ...simulate.diffusion import starting_noise
from ..measures._power_law import power_law
from ..measures.crossing import mean_crossing
from ..representation._factorisation import factorisation, factorisation_of_values
from .plans import BumpPlan

if TYPE_CHECKING:
    import xarray as xr

SETS = ("bumps", "stripes", "few bumps", "stripes + few bumps", "stripes + bumps")
REACHED = 0.6


def held_out_composition(
    plan: BumpPlan, seed: int = 0, run_dir: FilePath | None = None, device: Device = "cpu"
) -> xr.Dataset:
    """Accuracy inside and outside of a held-out band, by training set: bumps, stripes, few bumps, and both together.

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
        `accuracy` (set, region) with `_stderr` over `plan.seeds` networks, a region being which coordinates lie in
        the band: a network that copies the nearest training bump is right in "neither" alone; `examples` (set), images
        trained on; `tested` (region), places judged; `sample` (set, row, column), one image in the middle of the band.

    Raises
    ------
    EmptyDataError
        For a band that holds no centre.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from idealscore.compare.bumps import plan
    >>> from idealscore.learned.training import TrainConfig
    >>> quick = plan("small").with_recipe(
    ...     network="mlp", options={"width": 4, "depth": 1}, train=TrainConfig(steps=1, batch=2), levels=2
    ... )
    >>> quick = replace(quick, seeds=1)
    >>> found = held_out_composition(quick)
    >>> dict(found.accuracy.sizes)
    {'set': 5, 'region': 4}
    """
    import xarray as xr

    canvas, recipe = plan.canvas, plan.recipe
    centres, stripes = canvas.centres(), stripe_labels(canvas)
    kept = centres[~plan.held_out.mask(centres)]
    sets: list[np.ndarray] = []
    for number in range(plan.seeds):
        few = random_share(kept, plan.few, stream_seed(seed, "few bumps", number))
        both = [np.concatenate([stripes, part]) for part in (few, kept)]
        sets += [kept, stripes, few, *both]
    networks = recipe.fit(canvas, sets, seed, _folder(run_dir, "held-out"), device)
    right = _right(plan, networks, canvas, centres).reshape(plan.seeds, len(SETS), -1)
    region = plan.held_out.regions(centres)
    shares = np.stack([right[..., region == k].mean(-1) for k in range(len(REGIONS))], axis=-1)
    return xr.Dataset(
        {
            **estimates(("set", "region"), accuracy=mean_error(shares)),
            "examples": ("set", [len(labels) for labels in sets[: len(SETS)]]),
            "tested": ("region", np.bincount(region, minlength=len(REGIONS))),
            "sample": (("set", "row", "column"), _example(plan, networks, canvas, centres[region == 3])),
        },
        {"set": list(SETS), "region": list(REGIONS)},
        {**_attributes(plan, seed, device), "low": plan.held_out.low, "high": plan.held_out.high},
    )


def data_efficiency(
    plan: BumpPlan, seed: int = 0, run_dir: FilePath | None = None, device: Device = "cpu"
) -> xr.Dataset:
    """Images needed to reach 60 % accuracy over all places, against the size N, with and without stripes.

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
        `accuracy` (stripes, size, count, seed) over random bumps, their counts those of the plan; `examples` (stripes,
        size, count), the images trained on; `needed` (stripes, size), where the mean over seeds crosses 60 %, nan
        where it does not, with `_stderr` from the seeds; `exponent` (stripes) of needed ~ N^exponent with `_stderr`.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from idealscore.compare.bumps import plan
    >>> from idealscore.learned.training import TrainConfig
    >>> quick = plan("small").with_recipe(
    ...     network="mlp", options={"width": 4, "depth": 1}, train=TrainConfig(steps=1, batch=2), levels=2
    ... )
    >>> quick = replace(quick, seeds=1, sizes=(6,))
    >>> found = data_efficiency(quick)
    >>> dict(found.needed.sizes)
    {'stripes': 2, 'size': 1}
    """
    import xarray as xr

    shape = (2, len(plan.sizes), len(plan.counts[0]), plan.seeds)
    accuracy, examples = np.full(shape, np.nan), np.zeros(shape[:3])
    for k, size in enumerate(plan.sizes):
        canvas = BumpCanvas(size, plan.canvas.width, plan.canvas.spacing)
        centres, stripes = canvas.centres(), stripe_labels(canvas)
        sets = []
        for with_stripes, counts in enumerate(plan.counts):
            for i, count in enumerate(counts):
                for number in range(plan.seeds):
                    share = min(1.0, count * size / len(centres))
                    chosen = random_share(centres, share, stream_seed(seed, "efficiency", size, number))
                    sets.append(np.concatenate([stripes, chosen]) if with_stripes else chosen)
                examples[with_stripes, k, i] = len(sets[-1])
        networks = plan.recipe.fit(canvas, sets, seed, _folder(run_dir, f"size-{size}"), device)
        accuracy[:, k] = _right(plan, networks, canvas, centres).mean(-1).reshape(2, -1, plan.seeds)
    needed, error = np.full(shape[:2], np.nan), np.full(shape[:2], np.nan)
    for s in range(2):
        for k in range(len(plan.sizes)):
            needed[s, k], error[s, k] = mean_crossing(examples[s, k], accuracy[s, k], REACHED)
    laws = np.array([power_law(np.array(plan.sizes), needed[s], error[s]) for s in range(2)])
    return xr.Dataset(
        {
            "accuracy": (("stripes", "size", "count", "seed"), accuracy),
            "examples": (("stripes", "size", "count"), examples),
            **estimates(("stripes", "size"), needed=(needed, error)),
            **estimates("stripes", exponent=laws.T[:2]),
        },
        {"stripes": [0, 1], "size": list(plan.sizes)},
        {**_attributes(plan, seed, device), "reached": REACHED},
    )


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


def percolation_of_accuracy(
    plan: BumpPlan, seed: int = 0, run_dir: FilePath | None = None, device: Device = "cpu"
) -> xr.Dataset:
    """Trained accuracy and connected share of the very same data, against the share of the data kept.

    The theory is `critical_data_fraction` [@Liang2024].

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
        Over (width, share): `accuracy` of all places, `unseen` of those not trained on, `connected`, the largest
        connected share of the kept bumps (neighbours overlap above `plan.overlap`), each with `_stderr` over seeds;
        `predicted` (width), the critical share of theory, nan where there is none.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from idealscore.compare.bumps import plan
    >>> from idealscore.learned.training import TrainConfig
    >>> quick = plan("small").with_recipe(
    ...     network="mlp", options={"width": 4, "depth": 1}, train=TrainConfig(steps=1, batch=2), levels=2
    ... )
    >>> quick = replace(quick, seeds=1, widths=(0.5,))
    >>> found = percolation_of_accuracy(quick)
    >>> dict(found.accuracy.sizes)
    {'width': 1, 'share': 6}
    """
    import xarray as xr

    from ...theory.percolation import critical_data_fraction

    shape = (len(plan.widths), len(plan.shares), plan.seeds)
    measured = {name: np.full(shape, np.nan) for name in ("accuracy", "unseen", "connected")}
    for k, width in enumerate(plan.widths):
        canvas = BumpCanvas(plan.canvas.size, width, plan.canvas.spacing)
        centres = canvas.centres()
        sets = [
            random_share(centres, share, stream_seed(seed, "kept bumps", number))
            for share in plan.shares
            for number in range(plan.seeds)
        ]
        networks = plan.recipe.fit(canvas, sets, seed, _folder(run_dir, f"width-{width:g}"), device)
        right = _right(plan, networks, canvas, centres)
        for i, (kept, correct) in enumerate(zip(sets, right, strict=True)):
            seen = (centres[:, None] == kept).all(-1).any(1)
            place = (k, *divmod(i, plan.seeds))
            measured["accuracy"][place] = correct.mean()
            measured["unseen"][place] = correct[~seen].mean() if not seen.all() else np.nan
            measured["connected"][place] = connected_share(seen, canvas, plan.overlap)
    critical = [critical_data_fraction(plan.canvas.spacing, width, plan.overlap).value for width in plan.widths]
    variables = {
        **estimates(("width", "share"), **{name: mean_error(values, axis=2) for name, values in measured.items()}),
        "predicted": ("width", [np.nan if value is None else value for value in critical]),
    }
    coordinates = {"width": list(plan.widths), "share": list(plan.shares)}
    return xr.Dataset(variables, coordinates, {**_attributes(plan, seed, device), "overlap": plan.overlap})


def connected_share(kept: np.ndarray, canvas: BumpCanvas, overlap: float) -> float:
    """The largest connected share of the kept centres, `kept` (n^2,) in the order of `canvas.centres()`.

    Two are neighbours where their continuous overlap, exp(-D^2 / (4 sigma^2)), is at least `overlap` [@Liang2024].

    >>> canvas = BumpCanvas(4, width=0.25)
    >>> connected_share(np.arange(16) < 8, canvas, 0.005), connected_share(np.arange(16) % 8 == 0, canvas, 0.005)
    (1.0, 0.5)
    """
    from ...simulate.percolation import label
    from ...theory.percolation import extended_square, link_radius

    kept = np.asarray(kept, dtype=bool)
    check.integer("kept", int(kept.sum()), 1)
    radius = link_radius(canvas.width, overlap) / canvas.spacing
    if radius < 1:
        return 1 / int(kept.sum())
    n = math.isqrt(len(kept))
    labels, _ = label(np.where(kept, 0.0, 1.0).reshape(n, n), 0.5, extended_square(radius), periodic=canvas.periodic)
    return float(np.bincount(labels[labels > 0]).max() / kept.sum())


def _right(plan: BumpPlan, networks: EnsembleDenoiser, canvas: BumpCanvas, centres: np.ndarray) -> np.ndarray:
    """Whether each network paints the bump where it is wanted, `(networks, n)`."""
    images = plan.recipe.generate(networks, canvas, centres)
    kind = plan.recipe.kind
    return np.stack([fit_centres(painted, canvas, kind).correct(centres) for painted in images])


def _centre_errors(plan: BumpPlan, networks: EnsembleDenoiser, canvas: BumpCanvas) -> np.ndarray:
    """Rms distance of painted from wanted centres, `(networks, 2)`: at the lattice and in the middle of its cells."""
    errors = []
    for shift in (0.0, canvas.spacing / 2):
        wanted = canvas.centres() + shift
        for painted in plan.recipe.generate(networks, canvas, wanted):
            apart = canvas.offset(fit_centres(painted, canvas, plan.recipe.kind).centres, wanted)
            errors.append(float(np.sqrt(np.nanmean((apart**2).sum(axis=1)))))
    return np.array(errors).reshape(2, -1).T


def _example(plan: BumpPlan, networks: EnsembleDenoiser, canvas: BumpCanvas, centres: np.ndarray) -> np.ndarray:
    """One image in the middle of the band from the first network of each set, `(set, size, size)`."""
    return plan.recipe.generate(networks, canvas, centres[:1])[: len(SETS), 0, 0]


def _folder(run_dir: FilePath | None, name: str) -> Path | None:
    return None if run_dir is None else Path(run_dir) / name


def _attributes(plan: BumpPlan, seed: int, device: Device) -> dict[str, object]:
    recipe = plan.recipe
    about = {"network": recipe.network, "head": recipe.head, "kind": recipe.kind, "resolution": recipe.resolution}
    return {**provenance(seed=seed, device=str(device)), **about, "steps": recipe.train.steps, "seeds": plan.seeds}
