"""Networks of the `diffusers` library as denoisers, on the clocks of its schedulers."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

from ..._support.modules import floating_dtype
from ..._support.shapes import per_row
from ..._support.typed import typed
from ..._support.types import ArrayLike, Record
from ...errors import ArgumentError, MissingDependencyError
from ..networks.preconditioning import Preconditioning
from ._library import labels, unwrapped, within
from ._schedulers import Reading, reading
from .denoiser import WrappedDenoiser
from .predictions import to_denoised

NETWORKS = ("UNet2DModel", "UNet2DConditionModel", "UNet1DModel", "DiTTransformer2DModel", "Transformer2DModel")
MISSING = "pass one, on the command line --condition class (the labels of the data) or --condition 3"


class _Diffusers(WrappedDenoiser):
    """A U-Net or diffusion transformer on the clock of its scheduler."""

    def __init__(self, unet: nn.Module, how: Reading) -> None:
        config: Any = unet.config
        size = getattr(config, "sample_size", None)
        shape = None
        if size is not None:
            plain = 1 if type(unet).__name__ == "UNet1DModel" else 2
            sizes = (size,) * plain if isinstance(size, int) else tuple(size)
            shape = (int(config.in_channels), *sizes)
        range = None if how.data_range == (-1.0, 1.0) else how.data_range
        super().__init__(unet, shape, how.clock, range=range)
        self.how, self.predicts, self.clock, self.schedule = how, how.predicts, how.clock.name, how.clock.schedule
        self.preconditioning = None if how.sigma_data is None else Preconditioning("edm", how.sigma_data)
        self.text = getattr(config, "cross_attention_dim", None) is not None and _takes(unet, "encoder_hidden_states")
        self.n_classes, self.null_condition = _classes(unet)

    def summary(self) -> list[str]:
        clock = f"clock={self.how.words!r}" if self.how.words else f"clock={self.clock!r}"
        classes = [f"classes={self.n_classes}"] if self.n_classes else ["text"] if self.text else []
        return [f"predicts={self.predicts!r}", clock, *classes]

    @property
    def noise_range(self) -> tuple[float, float] | None:
        if self.how.noise_range is None:
            return super().noise_range
        return self.how.noise_range[0] / self.gain, self.how.noise_range[1] / self.gain

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        self._within(sigma)
        told = self.how.clock.time(sigma) if self.how.time is None else self.how.time(sigma)
        if self.preconditioning is None:
            scale = self.how.clock.scale(sigma)
            return to_denoised(self.predicts, x, self._predict(per_row(scale, x) * x, told, condition), sigma, scale)
        c, data, floor = self.preconditioning(sigma), self.preconditioning.sigma_data, self.how.floor
        out = self._predict(per_row(c.inner, x) * x, told, condition)
        skip = c.skip if not floor else data**2 / ((sigma - floor) ** 2 + data**2)
        gain = c.out if not floor else c.out * (sigma - floor) / sigma
        return per_row(skip, x) * x + (-1 if self.predicts == "v" else 1) * per_row(gain, x) * out

    def _within(self, sigma: torch.Tensor) -> None:
        if self.how.noise_range is not None:
            within(sigma, self.how.noise_range, self.gain)

    def _predict(self, z: torch.Tensor, time: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        options: Record = {}
        if self.text:
            if condition is None:
                raise ArgumentError("condition", "is missing", "pass encoder_hidden_states (batch, tokens, width)")
            options["encoder_hidden_states"] = self._states(condition, z)
        elif self.n_classes:
            if condition is None:
                raise ArgumentError("condition", f"is missing: the network has {self.n_classes} classes", MISSING)
            options["class_labels"] = self._labels(condition, z)
        elif condition is not None:
            raise ArgumentError("condition", "is given to a network without classes", "leave it out")
        out = self.call(z, time, **options)
        return out[:, : z.shape[1]] if isinstance(out, torch.Tensor) else out

    def _labels(self, condition: ArrayLike, z: torch.Tensor) -> torch.Tensor:
        chosen = labels(condition, z)
        most = self.n_classes if self.null_condition is None else self.null_condition + 1
        if not bool(((chosen >= 0) & (chosen < most)).all()):
            problem = f"holds {int(chosen.max() if chosen.max() >= most else chosen.min())}"
            raise ArgumentError("condition", problem, f"pass classes from 0 to {self.n_classes - 1}")
        return chosen

    def _states(self, condition: ArrayLike, z: torch.Tensor) -> torch.Tensor:
        states = torch.as_tensor(condition, device=z.device)
        unet: Any = self.inner
        width = unet.config.cross_attention_dim
        states = states[None] if states.ndim == 2 else states
        if states.ndim != 3 or len(states) not in (1, len(z)) or (isinstance(width, int) and states.shape[-1] != width):
            problem = f"has shape {tuple(states.shape)}"
            remedy = f"pass text embeddings (tokens, {width}), the same for all, or ({len(z)}, tokens, {width})"
            raise ArgumentError("condition", problem, remedy)
        return states.expand(len(z), -1, -1).to(floating_dtype(self, z.dtype))


def _takes(module: nn.Module, name: str) -> bool:
    import inspect

    return name in inspect.signature(module.forward).parameters


def _classes(unet: Any) -> tuple[int, int | None]:
    """(number of classes, the label of "no class" where the network has one)."""
    config = unet.config
    if type(unet).__name__ in ("DiTTransformer2DModel", "Transformer2DModel"):
        count = int(getattr(config, "num_embeds_ada_norm", 0) or 0)
        return count, count or None
    return int(getattr(config, "num_class_embeds", 0) or 0), None


@typed
def diffusers(unet: nn.Module, scheduler: object) -> WrappedDenoiser:
    """A denoiser from a network of the `diffusers` library and the scheduler that it was trained for.

    What a scheduler does to the prediction when it samples (clipping, thresholding) is not part of the denoiser.
    Between the steps of a schedule the network is asked at fractional steps.

    Parameters
    ----------
    unet : diffusers.UNet2DModel or another
        Also `UNet2DConditionModel`, `UNet1DModel`, `DiTTransformer2DModel`; compiled and data-parallel ones too.
        `condition` of the denoiser is the class label, or the `encoder_hidden_states` (batch, tokens, width), of which
        (1, tokens, width) holds for the whole batch.
    scheduler : object
        One with `betas` (DDPM, DDIM, Euler, DPM-Solver, ...) and epsilon, sample or v prediction, also rescaled to no
        signal at the last step, which is left out; one of EDM, flow matching, IPNDM or ScoreSdeVe (whose data are in
        [0, 1]); one of consistency models, whose answer is the end of the probability-flow path.

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

    Warns
    -----
    UserWarning
        For a consistency model: where its path ends is not E[x0 | x], which the theories give.

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
    unet = unwrapped(unet)
    if not isinstance(unet, tuple(getattr(known, name) for name in NETWORKS if hasattr(known, name))):
        raise ArgumentError(
            "unet",
            f"expected a UNet2DModel or another of {', '.join(NETWORKS[1:])}, got {type(unet).__name__}",
            "pass one, or use wrap.function",
        )
    how = reading(scheduler)
    if how.floor:
        warnings.warn(
            "a consistency model answers with the end of its probability-flow path, which is not E[x0 | x]",
            stacklevel=3,
        )
    return _Diffusers(unet, how)
