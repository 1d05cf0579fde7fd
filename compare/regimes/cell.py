"""One cell of a regime map: the three networks of one size, width, repeat and step, held against their optima."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from ...theory.denoiser import Denoiser
from ..comparison._track import track
from ..measures._linearity import linearity
from ..measures._memorisation import Features, memorisation
from .ground import HELD_OUT, MEMORY_MEASURES, PAIR_MEASURES, TRAINING, Ground, Side, draw, renamed, stacked

ROLES: tuple[str, ...] = ("first", "twin", "stranger")  # two starts on one training set, and one on the other set


def measure(networks: Sequence[Denoiser], ground: Ground, features: Features | None) -> xr.Dataset:
    """All measures: over `network` (`ROLES`), and of the pairs "same" (one set) and "disjoint" (two sets)."""
    sides = dict(zip(ROLES, (ground.first, ground.first, ground.other), strict=True))
    models = dict(zip(ROLES, networks, strict=True))
    parts = [_alone(models[role], sides[role], ground) for role in ROLES]
    alone = stacked(parts, "network", ROLES)
    return xr.merge([alone, _sampled(models, sides, ground, features)])


def _alone(network: Denoiser, side: Side, ground: Ground) -> xr.Dataset:
    """Distances to the optima, denoising errors and linearity of one network."""
    plan = ground.plan
    tracks = [
        track(network, side.theories, images, plan.sigmas, seed=plan.seed, hand_over=False, show=False)
        for images in ground.inputs(side).values()
    ]
    found = stacked(tracks, "inputs", (HELD_OUT, TRAINING))
    found["score_gap"], found["score_gap_stderr"] = 1 - found.explained_variance, found.explained_variance_stderr
    error = found.network_denoising_error
    spread = found.network_denoising_error_stderr
    found["test_train_gap"] = error.sel(inputs=HELD_OUT, drop=True) - error.sel(inputs=TRAINING, drop=True)
    found["test_train_gap_stderr"] = np.hypot(spread.sel(inputs=HELD_OUT), spread.sel(inputs=TRAINING))
    linear = linearity(
        network, ground.held_out.images, plan.sigmas, centre=side.training.images.mean(0),
        n_pairs=plan.n_pairs, seed=plan.seed, show=False,
    ).isel(alpha_squared=0, drop=True)  # fmt: skip
    kept = ("rmse", "score_gap", "test_train_gap")
    return xr.merge(
        [
            renamed(found, kept, "{}"),
            renamed(found, ("network_denoising_error",), "denoising_error"),
            renamed(linear, ("linearity", "nonlinearity"), "{}"),
        ]
    )


def _sampled(
    models: Mapping[str, Denoiser], sides: Mapping[str, Side], ground: Ground, features: Features | None
) -> xr.Dataset:
    """What samples from one starting noise show: copies of training images, agreement with networks and optima."""
    samples = draw(models, ground.held_out, ground.plan)
    memory, distances = [], []
    for role, drawn in samples.items():
        training = sides[role].training.images
        found = memorisation(drawn, training, features=features).isel(set=0, drop=True)
        memory.append(renamed(found, MEMORY_MEASURES, "{}"))
        optima = sides[role].samples
        pairs = ground.pair({"network": drawn, **optima}, features).sel(model="network", drop=True)
        pairs = pairs.sel(other=list(optima)).rename(other="theory")
        distances.append(renamed(pairs, PAIR_MEASURES, "{}_to_optimum"))
    alone = xr.merge([stacked(parts, "network", ROLES) for parts in (memory, distances)])
    between = ground.pair(samples, features)
    same = between.sel(model="first", other="twin", drop=True)
    disjoint = between.sel(model=["first", "twin"], other="stranger", drop=True).mean("model")
    return xr.merge([alone, renamed(same, PAIR_MEASURES, "{}_same"), renamed(disjoint, PAIR_MEASURES, "{}_disjoint")])
