"""The risk of copies before training, from the data and a law of memorisation; after it, measured."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import torch
import xarray as xr

from ..._support.estimates import estimates
from ..._support.results import provenance
from ..._support.streams import stream
from ..._support.typed import typed
from ...errors import ArgumentError
from ...learned.data.images import ImageData
from ...learned.networks import NETWORKS, NetworkDenoiser
from ...theory.denoiser import Denoiser
from ...theory.levels import within_known_range
from ...theory.noise import karras_sigmas
from ...theory.random_features import feature_constants, memorisation_ratio
from ...theory.transitions import collapse
from ...theory.transitions._spectrum import spectrum
from ..measures._memorisation import memorisation
from ..measures._paired_samples import paired_samples
from ..measures.duplicates import _digests, distinct
from ..measures.neighbours import nearest_neighbours
from ._copy_law import CopyLaw
from .plan import RiskPlan

RATIO = 1 / 3
SAMPLER = (18, 0.002, 80.0, 7.0)


@typed
def memorisation_risk(
    data: ImageData,
    law: CopyLaw,
    plan: RiskPlan | None = None,
    *,
    network: Denoiser | None = None,
    held_out: ImageData | None = None,
) -> xr.Dataset:
    r"""What n images let expect before training: duplicates, collapse, capacity, time of memorisation, share of copies.

    The clock is that of `law`, whose form is the prediction of [@Bonnaire2025]; that it holds for other data, networks
    and optimisers is an assumption, which `risk_table` says in words next to each number.

    Parameters
    ----------
    data : ImageData
        The images, at least 4 different ones.
    law : CopyLaw
        How many steps per image memorisation takes, as measured on other networks.
    plan : RiskPlan, optional
        Steps, width and number of images.
    network : Denoiser, optional
        A network that was trained on these images: its copies are measured too.
    held_out : ImageData, optional
        Images that it has never seen, for the null; without them the null is that of the training images, each held
        against the others.

    Returns
    -------
    xarray.Dataset
        Single numbers, those that are estimates with `_stderr`: `duplicates` (images that repeat another),
        `most_repeated` (how often the most frequent image occurs), `near_duplicates` (share of images nearer to another
        than a third of the distance to the next), `collapse_bound` and `collapse` in sigma, `values` n d,
        `effective_values` n (tr C)^2 / tr C^2, `parameters`, `memorisation_begins` (steps to the limit) and
        `memorisation_half`, `copies`, `images_to_halve`, `images_for_limit`, `steps_for_repeated` (steps at which half
        of the samples near the most repeated image are copies), `ratio` (factor from the learning of a mode of mean
        variance to memorisation). With a network `copies_measured` and `copies_null`.

    Raises
    ------
    ArgumentError
        If there are fewer than 4 different images, held-out images are of another shape, or the network takes another.
    CovarianceError
        If nothing varies.

    Examples
    --------
    >>> from idealscore.learned.data import load
    >>> plan = RiskPlan(steps=4000, probes=50, draws=0)
    >>> found = memorisation_risk(load("digits").subset(100), CopyLaw(60.0, 3.0), plan)
    >>> round(float(found.copies), 2), round(float(found.images_to_halve))
    (0.23, 132)
    """
    plan = plan or RiskPlan()
    n = len(data) if plan.n is None else plan.n
    if held_out is not None and held_out.shape != data.shape:
        raise ArgumentError("held_out", f"has shape {held_out.shape}", f"pass images of shape {data.shape}")
    images = data.images
    kept = distinct(images)
    shared = spectrum(images.double())  # refuses data that do not vary, before any work
    numbers: dict[str, Any] = {"n": n, "distinct": len(kept), "duplicates": len(images) - len(kept)}
    numbers["most_repeated"] = max(Counter(_digests(images)).values())
    pairs = {"near_duplicates": _near_duplicates(images[kept], plan)}
    bound = collapse(shared, n_train=n)
    pairs["collapse_bound"] = (_number(bound.value), bound.stderr)
    if plan.draws and n == len(data):
        half = collapse(images, criterion="entropy", n_draws=plan.draws, seed=plan.seed)
        pairs["collapse"] = (_number(half.value), half.stderr)
    total = float(shared.eigenvalues.sum())
    effective = total**2 / float(np.square(shared.eigenvalues).sum())
    dim = math.prod(data.shape)
    numbers["values"], numbers["effective_values"] = n * dim, n * effective
    numbers["parameters"] = _parameters(data, plan, network)
    begins, half_time = law.steps_per_image(plan.limit), (law.middle, law.middle_stderr)
    pairs["memorisation_begins"] = (n * begins[0], n * begins[1])
    pairs["memorisation_half"] = (n * half_time[0], n * half_time[1])
    pairs["copies"] = law.share(n, plan.steps)
    pairs["images_to_halve"] = law.images(plan.steps, max(pairs["copies"][0] / 2, 1e-9))
    pairs["images_for_limit"] = law.images(plan.steps, plan.limit)
    often = float(numbers["most_repeated"])
    pairs["steps_for_repeated"] = (n / often * half_time[0], n / often * half_time[1])
    # of white data of variance 1: sigma is in units of the spread
    low, high = (memorisation_ratio(feature_constants(sigma), n / dim) for sigma in (0.15, 0.5))
    numbers["ratio_low"], numbers["ratio_high"] = min(low, high), max(low, high)
    if network is not None:
        pairs |= _measured(data, network, held_out, plan, pairs["near_duplicates"])
    result = xr.Dataset({**numbers, **estimates((), **pairs)})
    result.attrs = provenance(seed=plan.seed) | {
        "data": data.name,
        "steps": plan.steps,
        "width": plan.width,
        "network": plan.network if network is None else type(network).__name__,
        "limit": plan.limit,
        "law": law.source,
        "middle": law.middle,
        "steepness": law.steepness,
        "null": "held-out images" if held_out is not None else "training images, each against the others",
    }
    return result


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _share(successes: int, count: int) -> tuple[float, float]:
    """A share with the standard error of one success and one failure more, so that 0 and 1 have one too."""
    padded = (successes + 1) / (count + 2)
    return successes / count, math.sqrt(padded * (1 - padded) / count)


def _near_duplicates(images: torch.Tensor, plan: RiskPlan) -> tuple[float, float]:
    """The share of images that would count as a copy of another one, by the test that samples are held to."""
    if len(images) < 4:
        raise ArgumentError("data", f"hold {len(images)} different images", "pass at least 4")
    count = min(plan.probes, len(images))
    chosen = stream(plan.seed, "probes").permutation(len(images))[:count]
    distances, _ = nearest_neighbours(images[chosen], images, k=3)
    near = int((distances[:, 1] < RATIO * distances[:, 2]).sum())
    value, error = _share(near, count)
    return value, error if count < len(images) else 0.0


def _parameters(data: ImageData, plan: RiskPlan, network: Denoiser | None) -> float:
    """Of the network, or of one of this kind and width that is never trained; nan where it cannot be built."""
    made: Any = network
    if made is None:
        kind: Any = NETWORKS[plan.network]
        options: dict[str, Any] = {"width": plan.width, "depth": 2, "sigma_data": data.sigma_data}
        known = {name: value for name, value in options.items() if name in kind.Config.__dataclass_fields__}
        made = kind(data.shape, seed=0, **known)
    return float(sum(p.numel() for p in made.parameters())) if isinstance(made, torch.nn.Module) else math.nan


def _measured(
    data: ImageData, network: Denoiser, held_out: ImageData | None, plan: RiskPlan, near: tuple[float, float]
) -> dict[str, tuple[float, float]]:
    """Copies among the samples of a network, and those among images that are none."""
    levels, low, high, rho = SAMPLER
    low, high = within_known_range(network, low, high)
    sigmas = [*karras_sigmas(levels, low, high, rho), 0.0]
    own = network if isinstance(network, NetworkDenoiser) else None
    shape = data.shape if own is None else tuple(own.config.shape)
    if tuple(shape) != tuple(data.shape):
        raise ArgumentError("network", f"takes {tuple(shape)}", f"pass one trained on images of shape {data.shape}")
    drawn = paired_samples({"network": network}, data.shape, plan.n_samples, sigmas=sigmas, seed=plan.seed)["network"]
    others = None if held_out is None else held_out.images
    found = memorisation(drawn, data.images, held_out=others, ratio=RATIO)
    count = plan.n_samples
    made = {"copies_measured": _share(round(float(found.memorised.sel(set="samples")) * count), count)}
    made["copies_null"] = near
    if held_out is not None:
        share = float(found.memorised.sel(set="held-out"))
        made["copies_null"] = _share(round(share * len(held_out)), len(held_out))
    return made
