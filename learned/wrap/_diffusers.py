"""Networks of the `diffusers` library as denoisers, on the clocks of its schedulers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..._support.shapes import per_row
from ..._support.types import ArrayLike, Device, FilePath, Record
from ...errors import ArgumentError, CheckpointError, MissingDependencyError
from ...theory.noise import DiscreteSchedule
from ..networks.preconditioning import Preconditioning
from .clocks import Clock, time_of
from .denoiser import WrappedDenoiser
from .predictions import to_denoised

DIFFUSERS_PREDICTIONS = {"epsilon": "noise", "sample": "x0", "v_prediction": "v", "flow_prediction": "flow"}


class _Diffusers(WrappedDenoiser):
    """A UNet2DModel or UNet2DConditionModel on the clock of its scheduler."""

    def __init__(
        self,
        unet: nn.Module,
        predicts: str,
        clock: str,
        schedule: DiscreteSchedule | None,
        time_scale: float,
        edm_data: float | None,
    ) -> None:
        config: Any = unet.config
        size = config.sample_size
        shape = None
        if size is not None:
            shape = (config.in_channels, *((size, size) if isinstance(size, int) else tuple(size)))
        super().__init__(unet, shape, Clock(clock, schedule, time_scale=time_scale))
        self.unet_config = config
        self.predicts, self.clock, self.schedule, self.time_scale = predicts, clock, schedule, time_scale
        self.preconditioning = None if edm_data is None else Preconditioning("edm", edm_data)

    def summary(self) -> list[str]:
        return [f"predicts={self.predicts!r}", f"clock={self.clock!r}"]

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
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

    def _predict(self, z: torch.Tensor, time: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        options: Record = {}
        if "encoder_hid_dim" in self.unet_config:
            if condition is None:
                raise ArgumentError("condition", "is missing", "pass encoder_hidden_states (batch, tokens, width)")
            states = torch.as_tensor(condition, device=z.device)
            options["encoder_hidden_states"] = states.to(next(self.parameters()).dtype)
        elif condition is not None:
            options["class_labels"] = torch.as_tensor(condition, device=z.device).expand(len(z))
        out = self.call(z, time, **options)
        return out[:, : z.shape[1]]


def diffusers(unet: nn.Module, scheduler: object) -> WrappedDenoiser:
    """A denoiser from a U-Net of the `diffusers` library and the scheduler that it was trained for.

    What a scheduler does to the prediction when it samples (clipping, thresholding) is not part of the denoiser.
    Between the steps of a schedule the network is asked at fractional steps.

    Parameters
    ----------
    unet : diffusers.UNet2DModel or diffusers.UNet2DConditionModel
        The network. `condition` of the denoiser is its class label, or its `encoder_hidden_states` (batch, tokens,
        width).
    scheduler : object
        One with `betas` (DDPM, DDIM, Euler, DPM-Solver, ...) and epsilon, sample or v prediction; one of EDM; one of
        flow matching.

    Returns
    -------
    WrappedDenoiser
        In evaluation mode.

    Raises
    ------
    MissingDependencyError
        Without `diffusers`.
    ArgumentError
        For any other network or scheduler.

    Examples
    --------
    >>> import diffusers as library  # doctest: +SKIP
    >>> unet = library.UNet2DModel.from_pretrained("FOLDER", subfolder="unet")  # doctest: +SKIP
    >>> denoiser = diffusers(unet, library.DDPMScheduler())  # doctest: +SKIP
    """
    try:
        import diffusers as library
    except ImportError:
        raise MissingDependencyError("diffusers", "hub") from None
    known: Any = library
    if not isinstance(unet, (known.UNet2DModel, known.UNet2DConditionModel)):
        raise ArgumentError(
            "unet",
            f"expected a UNet2DModel or UNet2DConditionModel, got {type(unet).__name__}",
            "pass one, or use wrap.function",
        )
    return _Diffusers(unet, *_reading(scheduler))


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


def diffusers_pipeline(path: FilePath, device: Device = "cpu") -> WrappedDenoiser:
    """The denoiser of a saved `diffusers` pipeline; only safetensors weights are read.

    Parameters
    ----------
    path : str or Path
        A folder with `model_index.json`, `unet/` and `scheduler/`.
    device : str or torch.device
        Where the network shall be.

    Returns
    -------
    WrappedDenoiser
        In evaluation mode, without gradients.

    Raises
    ------
    MissingDependencyError
        Without `diffusers`.
    CheckpointError
        Where something is missing, or a part is not of `diffusers`.
    ArgumentError
        Where the network or the scheduler is not supported.

    Examples
    --------
    >>> diffusers_pipeline("FOLDER")  # doctest: +SKIP
    WrappedDenoiser(UNet2DModel, predicts='noise', clock='index', event=(3, 32, 32), 35.75 M parameters, float32, cpu)
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
            f"{path} is not a readable diffusers pipeline with safetensors weights ({type(error).__name__}: {error})",
            "save it by pipeline.save_pretrained(path, safe_serialization=True)",
        ) from None
    return diffusers(loaded["unet"], loaded["scheduler"]).to(device).requires_grad_(False)
