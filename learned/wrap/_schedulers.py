"""What a scheduler of `diffusers` says of its network: prediction, clock, scale, noise range and range of the data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ...errors import ArgumentError
from ...theory.discrete_schedule import DiscreteSchedule
from .clocks import Clock

PREDICTIONS_OF_DIFFUSERS = {"epsilon": "noise", "sample": "x0", "v_prediction": "v", "flow_prediction": "flow"}
Time = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Reading:
    """How the network of a scheduler is asked at a noise level.

    `time` stands for the clock's own where the network is told something else; `sigma_data` for the preconditioning of
    EDM, with `floor` the noise level at which the answer is the point itself (consistency models, else 0).
    """

    predicts: str
    clock: Clock
    time: Time | None = None
    words: str = ""
    sigma_data: float | None = None
    floor: float = 0.0
    noise_range: tuple[float, float] | None = None
    data_range: tuple[float, float] = (-1.0, 1.0)


def quarter_log(sigma: torch.Tensor) -> torch.Tensor:
    """log(sigma) / 4, the time of EDM."""
    return sigma.log() / 4


def half_angle(sigma: torch.Tensor) -> torch.Tensor:
    """2 atan(sigma) / pi, from 0 (data) to 1 (noise)."""
    return sigma.atan() * (2 / math.pi)


def thousand_quarter_logs(sigma: torch.Tensor) -> torch.Tensor:
    """250 log(sigma), the time of consistency models."""
    return 250 * sigma.log()


def reading(scheduler: Any) -> Reading:
    """The reading of a scheduler; ArgumentError for one that defines no denoiser."""
    name, config = type(scheduler).__name__, dict(getattr(scheduler, "config", {}))
    if name == "ScoreSdeVeScheduler":
        return Reading("score", Clock("sigma"), noise_range=_ends(config), data_range=(0.0, 1.0))
    if name == "IPNDMScheduler":
        if config.get("trained_betas") is not None:
            raise ArgumentError("scheduler", f"is {name} with trained_betas", "only its own schedule is supported")
        return Reading("v", Clock("ou_time"), half_angle, "2 atan(sigma) / pi", noise_range=(0.0, math.inf))
    if name == "CMStochasticIterativeScheduler":
        data = float(config["sigma_data"])
        floor, ends = float(config["sigma_min"]), _ends(config)
        return Reading("x0", Clock("sigma"), thousand_quarter_logs, "250 log sigma", data, floor, ends)
    predicts = _predicts(name, config)
    if predicts == "flow":
        return Reading(predicts, Clock("flow_time", time_scale=float(config["num_train_timesteps"])))
    if hasattr(scheduler, "precondition_inputs"):
        if predicts not in ("noise", "v"):
            kind = config.get("prediction_type")
            raise ArgumentError("scheduler", f"is {name} with '{kind}'", "supported are epsilon and v_prediction")
        cosine = name.startswith("Cosine")
        time, words = (half_angle, "2 atan(sigma) / pi") if cosine else (quarter_log, "log(sigma) / 4")
        return Reading(predicts, Clock("sigma"), time, words, float(config["sigma_data"]), noise_range=_ends(config))
    if getattr(scheduler, "betas", None) is None or not hasattr(scheduler, "alphas_cumprod"):
        remedy = "pass a DDPM-like, EDM, FlowMatch, IPNDM, ScoreSdeVe or consistency one"
        raise ArgumentError("scheduler", f"is {name}, which has no betas", remedy)
    clock = Clock("index", _schedule(scheduler.alphas_cumprod, bool(config.get("rescale_betas_zero_snr")), name))
    if config.get("timestep_type") == "continuous" and predicts == "v":
        return Reading(predicts, Clock("ou_time"), quarter_log, "log(sigma) / 4", noise_range=clock.noise_range)
    return Reading(predicts, clock)


def _ends(config: dict[str, Any]) -> tuple[float, float]:
    return float(config["sigma_min"]), float(config["sigma_max"])


def _predicts(name: str, config: dict[str, Any]) -> str:
    flow = name.startswith("FlowMatch") or config.get("prediction_type") == "flow_prediction"
    kind = "flow_prediction" if flow else config.get("prediction_type", "epsilon")
    if kind not in PREDICTIONS_OF_DIFFUSERS:
        known = ", ".join(PREDICTIONS_OF_DIFFUSERS)
        raise ArgumentError("scheduler", f"has prediction type '{kind}'", f"supported are {known}")
    return PREDICTIONS_OF_DIFFUSERS[kind]


def _schedule(alphas_cumprod: torch.Tensor, no_signal: bool, name: str) -> DiscreteSchedule:
    """The steps of a schedule, without the last where that has no signal: sigma = inf is no level of a denoiser.

    (Some schedulers put alpha_bar = 2^-24 in its place.)
    """
    signal = alphas_cumprod.double().cpu()[: -1 if no_signal else None]
    signal = signal[signal > 0]
    betas = 1 - signal / torch.cat([torch.ones(1).double(), signal[:-1]])
    return DiscreteSchedule(betas.numpy(), name=f"diffusers {name}")
