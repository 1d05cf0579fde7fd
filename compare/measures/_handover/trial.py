"""The same few noisy images for every denoiser: errors, moments of the answers, and how a network behaves."""

from __future__ import annotations

import copy

import numpy as np
import torch
import xarray as xr

from ...._support.estimates import estimates, mean_error
from ...._support.modules import floating_dtype, guarded, in_evaluation
from ...._support.types import Array
from ....errors import DenoiserContractError
from ....simulate.diffusion import noised
from ....theory.denoiser import Denoiser
from ....theory.gaussian import GaussianDenoiser

ERRORS = ("network", "gaussian", "nothing")
Measured = dict[str, Array]


class Trial:
    """Images `(n, *event)`, noised at every level, with what the Gaussian optimum of the data makes of them."""

    def __init__(self, gaussian: GaussianDenoiser, images: torch.Tensor, levels: Array, seed: int) -> None:
        self.images, self.levels, self.gaussian = images, levels, gaussian
        self.noisy = [noised(images, float(sigma), seed) for sigma in levels]
        self.reference = self.measure(gaussian)
        self.nothing = np.array([self.error(x) for x in self.noisy])

    def first(self, n: int) -> Trial:
        """The same with the first n images only."""
        few = copy.copy(self)
        few.images, few.noisy = self.images[:n], [x[:n] for x in self.noisy]
        few.reference = {"error": self.reference["error"][:, :n], "moments": self.reference["moments"]}
        few.nothing = self.nothing[:, :n]
        return few

    def error(self, answer: torch.Tensor) -> Array:
        """Mean squared error of each image."""
        return (answer - self.images).double().flatten(1).square().mean(1).numpy(force=True)

    def measure(self, denoiser: Denoiser) -> Measured:
        """Errors `(levels, n)` and the mean and standard deviation of the answers, `(levels, 2)`."""
        errors, moments = [], []
        for x, sigma in zip(self.noisy, self.levels, strict=True):
            with torch.no_grad():
                answer = guarded(denoiser, "network")(x, float(sigma))
            if not isinstance(answer, torch.Tensor) or answer.shape != x.shape:
                got = tuple(answer.shape) if isinstance(answer, torch.Tensor) else type(answer).__name__
                raise DenoiserContractError("network", f"gives {got} for {tuple(x.shape)}", "return E[x0 | x] like x")
            errors.append(self.error(answer.to(self.images)))
            moments.append((float(answer.double().mean()), float(answer.double().std(correction=0))))
        return {"error": np.array(errors), "moments": np.array(moments)}

    def ratio(self, measured: Measured) -> float:
        """The geometric mean over levels of the error in that of the Gaussian optimum; inf where it is not finite."""
        with np.errstate(all="ignore"):
            logs = np.log(measured["error"].mean(1)) - np.log(self.reference["error"].mean(1))
            return float(np.exp(logs.mean())) if np.isfinite(logs).all() else np.inf

    def dataset(self, measured: Measured) -> xr.Dataset:
        """What `HandOver.levels` holds."""
        errors = dict(zip(ERRORS, (measured["error"], self.reference["error"], self.nothing), strict=True))
        values = {f"{name}_error": mean_error(value, axis=1) for name, value in errors.items()}
        result = xr.Dataset(estimates("sigma", **values), coords={"sigma": self.levels})
        for name, found in {"network": measured, "gaussian": self.reference}.items():
            for k, moment in enumerate(("mean", "std")):
                result[f"{name}_{moment}"] = ("sigma", found["moments"][:, k])
        return result.assign_attrs(n=len(self.images))


SAME = 1e-3
"""Relative: answers that are equal."""

WRONG = 0.2
"""Relative: a derivative that misses its difference by so much is wrong."""


def behaviour(network: Denoiser, x: torch.Tensor, sigma: float) -> list[str]:
    """What is wrong with how a network answers: by chance, by the batch, by the form of sigma, with its derivatives."""
    safe = in_evaluation(network)
    weights = floating_dtype(network, x.dtype) if isinstance(network, torch.nn.Module) else x.dtype
    same = max(SAME, 64 * torch.finfo(weights).eps)
    with torch.no_grad():
        first = safe(x, sigma)
        if not bool(first.isfinite().all()):
            return []
        others = {
            "its answer changes from call to call: it draws random numbers": safe(x, sigma),
            "its answer depends on the other images of the batch": torch.cat([safe(x[:1], sigma), first[1:]]),
            "it answers otherwise when sigma is a tensor (batch,)": safe(x, torch.full((len(x),), sigma).to(x)),
        }
    scale = float(first.abs().max()) + float(x.abs().max())
    found = [text for text, other in others.items() if float((other - first).abs().max()) > same * scale]
    precise = torch.finfo(weights).eps < 1e-5
    return found + (_derivatives(safe, x, sigma) if precise and not found else [])


def _derivatives(denoiser: Denoiser, x: torch.Tensor, sigma: float) -> list[str]:
    """Derivatives by autograd against central differences, in x and in sigma, where there are any."""
    step, found = 1e-2 * sigma, []
    direction = torch.cos(torch.arange(x.numel(), dtype=x.dtype, device=x.device)).reshape(x.shape)
    level = torch.full((len(x),), sigma, dtype=x.dtype, device=x.device)
    cases = {
        "x": (x, direction, lambda t: denoiser(t, level)),
        "sigma": (level, torch.ones_like(level), lambda t: denoiser(x, t)),
    }
    if getattr(denoiser, "integer", False):
        del cases["sigma"]  # constant between two steps
    for name, (at, along, f) in cases.items():
        with torch.no_grad():
            difference = (f(at + step * along) - f(at - step * along)) / (2 * step)
        size = float(difference.double().square().sum())
        if not size > (1e-4 * x.numel() ** 0.5) ** 2 or not np.isfinite(size):
            continue
        point = at.detach().clone().requires_grad_()
        try:
            (slope,) = torch.autograd.grad((difference * f(point)).sum(), point)
        except (RuntimeError, DenoiserContractError):  # without gradients, as through NumPy: no derivatives, no mistake
            continue
        miss = abs(float((slope * along).double().sum()) / size - 1)
        if not miss <= WRONG:
            found.append(
                f"its derivative with respect to {name} is not that of its values at sigma = {sigma:.3g}"
                " (detached or NaN inside); identities and samplers that differentiate it are wrong"
            )
    return found
