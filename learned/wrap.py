"""Other people's networks as denoisers: whatever they predict, on whatever clock they run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .._support import checks as check
from ..errors import ArgumentError, CheckpointError, DenoiserContractError, MissingDependencyError, NoiseLevelError
from ..theory.noise import DiscreteSchedule, NoiseLevel
from .networks.preconditioning import Preconditioning

PREDICTIONS = ("x0", "noise", "v", "score", "flow")
CLOCKS = ("sigma", "snr", "log_snr", "alpha_bar", "ou_time", "flow_time", "step", "index")


class WrappedDenoiser(nn.Module):
    """`denoiser(x, sigma, condition=None)` around a foreign callable; `shape` is its event shape, where known."""

    def __init__(self, inner: Callable[..., Any], shape: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.inner, self.shape = inner, shape

    def forward(self, x: torch.Tensor, sigma: Any, condition: Any = None) -> torch.Tensor:
        if self.shape is not None:
            check.batch("x", x, self.shape)
        levels = check.sigmas("sigma", sigma, x)
        if not bool(levels.isfinite().all()):
            raise NoiseLevelError("sigma", "holds inf", "pass finite noise levels to a wrapped network")
        out = self.denoise(x, levels, condition)
        if not isinstance(out, torch.Tensor) or out.shape != x.shape:
            got = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
            raise DenoiserContractError("f", f"gives {got} for {tuple(x.shape)}", "return an array like x")
        return out

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: Any) -> torch.Tensor:
        raise NotImplementedError

    def call(self, x: torch.Tensor, time: torch.Tensor, *condition: Any, **options: Any) -> Any:
        """The foreign callable in its own precision, its answer in that of `x`."""
        dtype = next((p.dtype for p in self.parameters() if p.is_floating_point()), x.dtype)
        out = self.inner(x.to(dtype), time.to(dtype), *condition, **options)
        out = getattr(out, "sample", out)
        return out.to(x.dtype) if isinstance(out, torch.Tensor) else out


def _spread(values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, *[1] * (x.ndim - 1))


def time_of(sigma: torch.Tensor, clock: str, schedule: DiscreteSchedule | None = None) -> torch.Tensor:
    """`sigma` on a clock; "step" is 1 ... n of `schedule`, "index" 0 ... n - 1, both fractional between.

    Raises NoiseLevelError beyond the ends of the schedule.

    >>> time_of(torch.tensor([0.0, 1.0]), "flow_time").tolist()
    [0.0, 0.5]
    """
    check.choice("clock", clock, CLOCKS)
    if clock in ("step", "index") and schedule is None:
        raise ArgumentError("schedule", "is missing", f"the clock '{clock}' needs a DiscreteSchedule")
    if clock == "sigma":
        return sigma
    values = sigma.detach().double().cpu().numpy()
    if schedule is None or clock not in ("step", "index"):
        return torch.as_tensor(getattr(NoiseLevel(values), clock)).to(sigma)
    low, high = schedule.sigmas[1] if clock == "index" else 0.0, schedule.sigmas[-1]
    if not ((values >= low * (1 - 1e-5)) & (values <= high * (1 + 1e-5))).all():
        raise NoiseLevelError("sigma", "lies beyond the schedule", f"pass noise levels in [{low:.4g}, {high:.4g}]")
    step = np.asarray(NoiseLevel(values.clip(low, high)).step(schedule)) - (clock == "index")
    return torch.as_tensor(step).to(sigma)


def to_denoised(predicts: str, x: torch.Tensor, out: torch.Tensor, sigma: torch.Tensor, scale: torch.Tensor) -> Any:
    """E[x0 | x] from a prediction made at `scale` * x.

    x0       D = f                            noise   D = x - sigma f
    score    D = x + sigma^2 scale f          flow    D = (x - sigma f) / (1 + sigma)
    v        D = x / (1 + sigma^2) - sigma f / sqrt(1 + sigma^2)
    """
    s = _spread(sigma, x)
    if predicts == "x0":
        return out
    if predicts == "noise":
        return x - s * out
    if predicts == "score":
        return x + s**2 * _spread(scale, x) * out
    if predicts == "flow":
        return (x - s * out) / (1 + s)
    return x / (1 + s**2) - s * out / (1 + s**2).sqrt()


class _Function(WrappedDenoiser):
    def __init__(self, inner, predicts: str, clock: str, schedule, shape) -> None:
        super().__init__(inner, shape)
        self.predicts, self.clock, self.schedule = predicts, clock, schedule

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: Any) -> torch.Tensor:
        scale = torch.ones_like(sigma)
        if self.clock == "flow_time":
            scale = 1 / (1 + sigma)
        elif self.clock != "sigma":
            scale = 1 / (1 + sigma**2).sqrt()
        time = time_of(sigma, self.clock, self.schedule)
        given = () if condition is None else (condition,)
        out = self.call(_spread(scale, x) * x, time, *given)
        if not isinstance(out, torch.Tensor) or out.shape != x.shape:
            return out
        return to_denoised(self.predicts, x, out, sigma, scale)


def function(
    f: Callable[..., torch.Tensor],
    predicts: str = "x0",
    clock: str = "sigma",
    *,
    schedule: DiscreteSchedule | None = None,
    shape: tuple[int, ...] | None = None,
) -> WrappedDenoiser:
    """A denoiser from `f(z, time)` or `f(z, time, condition)`, a function or a module.

    predicts: "x0"; "noise" n; "v" = sqrt(abar) n - sqrt(1 - abar) x0 [@Salimans2022]; "flow" = n - x0; "score",
    the gradient of the log-density of z. clock: what `time` `(batch,)` is, and with it what z is: "sigma":
    z = x0 + sigma n; "flow_time": z = (1 - t) x0 + t n; any other: z = sqrt(abar) x0 + sqrt(1 - abar) n. "step"
    (1 ... n) and "index" (0 ... n - 1, as most code counts) need a `schedule`.

    Raises UnknownNameError, ArgumentError; the denoiser raises NoiseLevelError outside the schedule.

    >>> ideal = lambda z, t: z / 2
    >>> denoiser = function(ideal, predicts="noise", clock="sigma")
    >>> denoiser(torch.ones(1, 2), 1.0).tolist()
    [[0.5, 0.5]]
    """
    check.choice("predicts", predicts, PREDICTIONS)
    check.choice("clock", clock, CLOCKS)
    if not callable(f):
        raise ArgumentError("f", f"is {type(f).__name__}", "pass a function or module f(x, time)")
    if clock in ("step", "index") and schedule is None:
        raise ArgumentError("schedule", "is missing", f"the clock '{clock}' needs a DiscreteSchedule")
    return _Function(f, predicts, clock, schedule, shape).eval()


class _EDM(WrappedDenoiser):
    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: Any) -> torch.Tensor:
        if condition is None:
            return self.call(x, sigma)
        labels = torch.as_tensor(condition, device=x.device)
        count = getattr(self.inner, "label_dim", 0)
        if labels.ndim < 2 and count:
            labels = nn.functional.one_hot(labels.expand(len(x)).long(), count).to(x.dtype)
        return self.call(x, sigma, class_labels=labels)


def edm(module: nn.Module, shape: tuple[int, ...] | None = None) -> WrappedDenoiser:
    """A denoiser from a preconditioned module `D(x, sigma, class_labels=None)` in the manner of [@Karras2022].

    A label as `condition` becomes one-hot where the module has a `label_dim`. The shape is read from
    `img_channels` and `img_resolution` where the module has them.
    """
    if not isinstance(module, nn.Module):
        raise ArgumentError("module", f"is {type(module).__name__}", "pass a torch module D(x, sigma)")
    channels, size = getattr(module, "img_channels", None), getattr(module, "img_resolution", None)
    if shape is None and channels and size:
        shape = (int(channels), int(size), int(size))
    return _EDM(module, shape).eval()


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
            out = self._predict(_spread(c.inner, x) * x, c.noise, condition)
            sign = -1 if self.predicts == "v" else 1
            return _spread(c.skip, x) * x + sign * _spread(c.out, x) * out
        flow = self.clock == "flow_time"
        scale = 1 / (1 + sigma) if flow else 1 / (1 + sigma**2).sqrt()
        time = self.time_scale * time_of(sigma, self.clock, self.schedule)
        out = self._predict(_spread(scale, x) * x, time, condition)
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
