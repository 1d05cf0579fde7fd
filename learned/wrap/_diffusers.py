"""Networks of the `diffusers` library as denoisers, on the clocks of its schedulers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..._support.shapes import per_row
from ...errors import ArgumentError, CheckpointError, MissingDependencyError
from ...theory.noise import DiscreteSchedule
from ..networks.preconditioning import Preconditioning
from .clocks import time_of
from .denoiser import WrappedDenoiser
from .predictions import to_denoised

DIFFUSERS_PREDICTIONS = {"epsilon": "noise", "sample": "x0", "v_prediction": "v", "flow_prediction": "flow"}


class _Diffusers(WrappedDenoiser):
    """A UNet2DModel or UNet2DConditionModel on the clock of its scheduler."""

    def __init__(self, unet, predicts: str, clock: str, schedule, time_scale: float, edm_data: float | None) -> None:
        config = unet.config
        size = config.sample_size
        shape = None
        if size is not None:
            shape = (config.in_channels, *((size, size) if isinstance(size, int) else tuple(size)))
        super().__init__(unet, shape)
        self.predicts, self.clock, self.schedule, self.time_scale = predicts, clock, schedule, time_scale
        self.preconditioning = None if edm_data is None else Preconditioning("edm", edm_data)

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: Any) -> torch.Tensor:
        if self.preconditioning is not None:
            c = self.preconditioning(sigma)
            out = self._predict(per_row(c.inner, x) * x, c.noise, condition)
            sign = -1 if self.predicts == "v" else 1
            return per_row(c.skip, x) * x + sign * per_row(c.out, x) * out
        flow = self.clock == "flow_time"
        scale = 1 / (1 + sigma) if flow else 1 / (1 + sigma**2).sqrt()
        time = self.time_scale * time_of(sigma, self.clock, self.schedule)
        out = self._predict(per_row(scale, x) * x, time, condition)
        return to_denoised(self.predicts, x, out, sigma, scale)

    def _predict(self, z: torch.Tensor, time: torch.Tensor, condition: Any) -> torch.Tensor:
        options = {}
        if "encoder_hid_dim" in self.inner.config:
            if condition is None:
                raise ArgumentError("condition", "is missing", "pass encoder_hidden_states (batch, tokens, width)")
            options["encoder_hidden_states"] = condition.to(next(self.parameters()).dtype)
        elif condition is not None:
            options["class_labels"] = torch.as_tensor(condition, device=z.device).expand(len(z))
        out = self.call(z, time, **options)
        return out[:, : z.shape[1]]


def diffusers(unet: nn.Module, scheduler: Any) -> WrappedDenoiser:
    """A denoiser from a `diffusers` UNet2DModel or UNet2DConditionModel and the scheduler it was trained for.

    Schedulers: those with `betas` (DDPM, DDIM, Euler, DPM-Solver, ...) with epsilon, sample or v prediction; EDM
    schedulers; flow matching. `condition` is the class label, or the `encoder_hidden_states`. What a scheduler
    does to the prediction when it samples (clipping, thresholding) is no part of the denoiser. Between the
    steps of a schedule the network is asked at fractional steps.

    Raises MissingDependencyError without `diffusers`, ArgumentError for anything that is not supported.
    """
    try:
        import diffusers as library
    except ImportError:
        raise MissingDependencyError("diffusers", "hub") from None
    known: Any = library
    if not isinstance(unet, (known.UNet2DModel, known.UNet2DConditionModel)):
        raise ArgumentError(
            "unet", f"is {type(unet).__name__}", "pass a UNet2DModel or UNet2DConditionModel, or use wrap.function"
        )
    return _Diffusers(unet, *_reading(scheduler)).eval()


def _reading(scheduler: Any) -> tuple[str, str, DiscreteSchedule | None, float, float | None]:
    """(prediction, clock, schedule, factor of the time, EDM's sigma_data) of a scheduler."""
    name, config = type(scheduler).__name__, dict(getattr(scheduler, "config", {}))
    flow = name.startswith("FlowMatch") or config.get("prediction_type") == "flow_prediction"
    kind = "flow_prediction" if flow else config.get("prediction_type", "epsilon")
    if kind not in DIFFUSERS_PREDICTIONS:
        known = ", ".join(DIFFUSERS_PREDICTIONS)
        raise ArgumentError("scheduler", f"has prediction type '{kind}'", f"supported are {known}")
    predicts = DIFFUSERS_PREDICTIONS[kind]
    if flow:
        return predicts, "flow_time", None, float(config["num_train_timesteps"]), None
    if hasattr(scheduler, "precondition_inputs"):
        if predicts not in ("noise", "v"):
            raise ArgumentError("scheduler", f"is {name} with '{kind}'", "supported are epsilon and v_prediction")
        return predicts, "sigma", None, 1.0, float(config["sigma_data"])
    betas = getattr(scheduler, "betas", None)
    if betas is None:
        raise ArgumentError("scheduler", f"is {name}, which has no betas", "pass a DDPM-like, EDM or FlowMatch one")
    if float(scheduler.alphas_cumprod[-1]) < 1e-12:
        raise ArgumentError("scheduler", "ends at zero signal", "rescale_betas_zero_snr is not supported")
    betas = 1 - scheduler.alphas_cumprod.double() / torch.cat(
        [torch.ones(1).double(), scheduler.alphas_cumprod[:-1].double()]
    )
    return predicts, "index", DiscreteSchedule(betas.numpy(), name=f"diffusers {name}"), 1.0, None


def diffusers_pipeline(path: str | Path, device: str | torch.device = "cpu") -> WrappedDenoiser:
    """The denoiser of a saved `diffusers` pipeline: a folder with `model_index.json`, `unet/` and `scheduler/`.

    Only safetensors weights are read. Raises CheckpointError where something is missing or not of `diffusers`.
    """
    try:
        import diffusers as library
    except ImportError:
        raise MissingDependencyError("diffusers", "hub") from None
    index = Path(path) / "model_index.json"
    try:
        parts = json.loads(index.read_text(encoding="utf-8"))
        loaded = {}
        for part in ("unet", "scheduler"):
            source, name = parts[part]
            if source != "diffusers":
                raise KeyError(f"{part} from {source}")
            options: dict[str, Any] = {"use_safetensors": True, "local_files_only": True} if part == "unet" else {}
            loaded[part] = getattr(library, name).from_pretrained(str(path), subfolder=part, **options)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(
            "path",
            f"{path} is no readable diffusers pipeline with safetensors weights ({type(error).__name__}: {error})",
            "save it by pipeline.save_pretrained(path, safe_serialization=True)",
        ) from None
    return diffusers(loaded["unet"], loaded["scheduler"]).to(device).requires_grad_(False)
