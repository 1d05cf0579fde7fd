"""The steps of a network at the noise levels of a comparison: what it is told, and what rounding to a step costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import xarray as xr

from ...._support.types import Array, ArrayLike
from ....errors import ArgumentError
from ....theory.denoiser import Denoiser
from ....theory.levels import NETWORK, known_levels
from ..options import Comparison

VARIABLES = ("network_step", "network_sigma", "step_error")
WORTH = 1e-9
"""Errors of rounding below it are those of the arithmetic."""


def with_steps(result: xr.Dataset, network: object) -> xr.Dataset:
    """`result` over `sigma` with `network_step`, `network_sigma` and `step_error` where the network counts steps."""
    steps = getattr(network, "steps", None)
    if steps is None or getattr(network, "grid", None) is None:
        return result
    try:
        step, sigma, error = steps(result.sigma.values)
    except ArgumentError:
        return result
    return result.assign({name: ("sigma", value) for name, value in zip(VARIABLES, (step, sigma, error), strict=True)})


def step_text(level: xr.Dataset) -> str:
    """The step of one noise level, whole or with a decimal."""
    step = float(level.network_step)
    return f"{step:.0f}" if abs(step - round(step)) < WORTH else f"{step:.1f}"


def steps_legend(result: xr.Dataset) -> str:
    """What the column of the steps means, with the largest error of rounding."""
    error = result.step_error.values
    worst = int(error.argmax())
    text = "network step: what the network is told of the noise level"
    if error[worst] <= WORTH:
        return f"{text}."
    sigma, answered = float(result.sigma[worst]), float(result.network_sigma[worst])
    return (
        f"{text}, rounded to whole steps: it answers for the noise level of that step, for Gaussian data at most"
        f" {error[worst]:.2g} |x - mean| off (at sigma = {sigma:.3g}: for {answered:.3g}); sigmas 'network' are steps."
    )


def in_all(parts: list[xr.Dataset]) -> list[xr.Dataset]:
    """The variables of the steps in all parts, NaN in those of networks without steps, where any part has them."""
    if not any("network_step" in part for part in parts):
        return parts
    return [
        part if "network_step" in part else part.assign({name: part.sigma * np.nan for name in VARIABLES})
        for part in parts
    ]  # fmt: skip


def without_missing(part: xr.Dataset) -> xr.Dataset:
    """`part` without the variables of the steps where its network has none."""
    return part.drop_vars(VARIABLES) if "network_step" in part and bool(part.network_step.isnull().all()) else part


def levels_of_all(networks: Iterable[Denoiser], asked: ArrayLike) -> Array:
    """The noise levels nearest to `asked` that the networks know, increasing; refused where they differ."""
    found = [np.sort(known_levels(network, asked)) for network in networks]
    for levels in found[1:]:
        if levels.shape != found[0].shape or not np.allclose(levels, found[0], rtol=1e-6):
            problem = "are 'network', and the networks have different steps"
            raise ArgumentError("noise_levels", problem, "name the levels, or compare one network at a time")
    return found[0]


def at_known_levels(config: Comparison, networks: Iterable[Denoiser]) -> Comparison:
    """`config` at the levels of the networks' own steps, where those are asked for."""
    if config.noise_levels != NETWORK:
        return config
    return replace(config, noise_levels=tuple(levels_of_all(networks, config.sigmas).tolist()))
