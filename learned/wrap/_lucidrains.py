"""Diffusions of the library denoising-diffusion-pytorch."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import nn

from ..._support import checks as check
from ..._support.shapes import per_row
from ..._support.typed import typed
from ..._support.types import ArrayLike, Record
from ...errors import ArgumentError
from ...theory.discrete_schedule import DiscreteSchedule
from ._library import LibraryDenoiser, checked, labels, tensor_like
from .clocks import Clock
from .denoiser import WrappedDenoiser
from .predictions import to_denoised

OBJECTIVES = {"pred_noise": "noise", "pred_x0": "x0", "pred_v": "v"}


class _Lucidrains(LibraryDenoiser):
    """The network of a diffusion on its clock: steps 0 ... n - 1, log-SNR, or sigma with EDM's preconditioning."""

    def __init__(self, inner: Any, feedback: int) -> None:
        kind = type(inner).__name__
        self.feedback = feedback
        self.elucidated = hasattr(inner, "preconditioned_network_forward")
        self.weighted = hasattr(inner, "pred_x_start_loss_weight")
        self.clock, ends, grid = Clock("sigma"), None, None
        if self.elucidated:
            predicts, ends = "x0", (float(inner.sigma_min), float(inner.sigma_max))
        elif hasattr(inner, "log_snr"):
            predicts, self.clock = "v" if kind.startswith("VParam") else "noise", Clock("log_snr")
            with torch.no_grad():
                high, low = inner.log_snr(torch.tensor([0.0, 1.0], device=inner.device)).tolist()
            ends = (math.exp(-high / 2), math.exp(-low / 2))
        else:
            learned = hasattr(inner, "vb_loss_weight")  # its loss is that of the noise, whatever its objective says
            predicts = "noise" if learned else OBJECTIVES[inner.objective]
            self.clock = Clock("index", DiscreteSchedule(inner.betas.double().cpu().numpy(), name=kind))
            ends, grid = self.clock.noise_range, self.clock.grid
        self.predicts = predicts
        words = [
            "denoising-diffusion-pytorch",
            f"predicts={'noise and x0' if self.weighted else predicts}, {self.clock}",
        ]
        super().__init__(inner, _shape(inner), words, noise_range=ends, grid=grid)

    def answer(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        fed, out = None, self._once(x, sigma, condition, None)
        for _ in range(self.feedback):
            fed = out
            out = self._once(x, sigma, condition, fed)
        return out

    def _once(
        self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None, fed: torch.Tensor | None
    ) -> torch.Tensor:
        diffusion: Any = self.inner
        dtype = next((p.dtype for p in self.parameters()), x.dtype)
        back: Record = {} if fed is None else {"x_self_cond": fed.to(dtype)}
        if self.elucidated:
            given = (x.to(dtype), sigma.to(dtype), *back.values())
            return tensor_like(self._ask(diffusion.preconditioned_network_forward, *given), x, diffusion).to(x.dtype)
        scale = self.clock.scale(sigma)
        time = self.clock.time(sigma).to(torch.promote_types(dtype, torch.float32))
        z = (per_row(scale, x) * x).to(dtype)
        out = self._ask(diffusion.model, z, time, **back, **_classes(diffusion.model, condition, x))
        if not isinstance(out, torch.Tensor):
            return tensor_like(out, x, diffusion)
        out = out.to(x.dtype)
        if self.weighted:
            noise, clean, weights = out.split(diffusion.split_dims, dim=1)
            share = weights.softmax(dim=1)
            return share[:, :1] * to_denoised("noise", x, noise, sigma, scale) + share[:, 1:] * clean
        out = tensor_like(out[:, : x.shape[1]], x, diffusion)  # a learned variance fills the second half
        return to_denoised(self.predicts, x, out, sigma, scale)


def _shape(inner: Any) -> tuple[int, ...] | None:
    if hasattr(inner, "seq_length"):
        first = not getattr(inner, "channel_first", True)
        return (inner.seq_length, inner.channels) if first else (inner.channels, inner.seq_length)
    size = getattr(inner, "image_size", None)
    if size is None:
        return None
    return (int(inner.channels), *((size, size) if isinstance(size, int) else tuple(size)))


def _classes(model: Any, condition: ArrayLike | None, x: torch.Tensor) -> Record:
    """Of a network with classes: the class, or none of them (its null embedding)."""
    if hasattr(model, "null_classes_emb"):
        dropped = {"cond_drop_prob": 1.0 if condition is None else 0.0}
        return {"classes": labels(0 if condition is None else condition, x), **dropped}
    if condition is not None:
        raise ArgumentError("condition", f"is given to a {type(model).__name__} without classes", "leave it out")
    return {}


@partial(typed, free=("diffusion",))
def lucidrains(diffusion: nn.Module, *, feedback: int = 0) -> WrappedDenoiser:
    """A denoiser from a diffusion of the library `denoising-diffusion-pytorch`, without its clipping.

    Parameters
    ----------
    diffusion : denoising_diffusion_pytorch.GaussianDiffusion
        That, or `GaussianDiffusion1D`, `LearnedGaussianDiffusion` (whose variance is left), the weighted, the
        continuous-time and the v-parametrised ones, `ElucidatedDiffusion`, the class-conditional one, or a moving
        average (`trainer.ema`) of one.
    feedback : int
        How often a network with self-conditioning gets its own answer back; 0 asks it once, with zeros.

    Returns
    -------
    WrappedDenoiser
        For data in [-1, 1], to which the library takes images from [0, 1] (unless `auto_normalize=False`). Between
        its steps the network is asked at fractions of a step.

    Raises
    ------
    ArgumentError
        For anything else, or feedback to a network without self-conditioning.

    Examples
    --------
    >>> from denoising_diffusion_pytorch import GaussianDiffusion, Unet  # doctest: +SKIP
    >>> denoiser = lucidrains(GaussianDiffusion(Unet(dim=64), image_size=32))  # doctest: +SKIP
    """
    given: Any = checked("diffusion", diffusion, (), "denoising_diffusion_pytorch")
    if not (hasattr(given, "preconditioned_network_forward") or hasattr(given, "log_snr") or hasattr(given, "betas")):
        checked("diffusion", diffusion, ("objective", "betas"), "denoising_diffusion_pytorch")
    if check.integer("feedback", feedback, 0) and not getattr(given, "self_condition", False):
        raise ArgumentError("feedback", "is asked of a network without self-conditioning", "leave it 0")
    return _Lucidrains(given, feedback)
