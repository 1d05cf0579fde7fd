r"""Which features of an image survive noise and denoising, layer by layer of a network that reads it?

The protocol of [@Sclocchi2025] for real images: carry an image forward to the noise level sigma and back, and compare
start and end by the cosine of their features at every layer. Features are standardised per channel over reference
images, so that a layer's mean does not make everything alike. The null is the cosine of the start with the end of
*another* image. Above chance and relative to 1 the curve passes 1/2 at `half_sigma`; its `width` is ln of the ratio of
the noise levels at which it passes 1/4 and 3/4: small for a feature that is lost at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support.crossing import with_error
from ..._support.estimates import estimates, mean_error
from ..._support.results import provenance
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import DenoiserContractError
from ...simulate.diffusion import METHODS, forward_backward
from ...theory.denoiser import Denoiser
from ..measures.crossing import falling_crossing, image_bootstrap
from .clone_experiments import Labeller, labels_of

Layers: TypeAlias = Callable[[torch.Tensor], Mapping[str, torch.Tensor] | torch.Tensor]
"""Images to the features of each layer `{name: (batch, channels, ...)}`, or to one tensor."""
PIXELS = "pixels"


class _Standardised:
    """Features of every layer, each channel with mean 0 and variance 1 over the reference images."""

    def __init__(self, extractor: Layers, reference: torch.Tensor, batch_size: int) -> None:
        self.extractor, self.batch_size = getattr(extractor, "activations", extractor), batch_size
        self.moments = {}
        for name, h in self._raw(reference).items():
            dims = [0, *range(2, h.ndim)]
            self.moments[name] = h.mean(dims, keepdim=True), h.std(dims, correction=0, keepdim=True).clamp(min=1e-6)

    def _raw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        parts: dict[str, list[torch.Tensor]] = {}
        with torch.no_grad():
            for block in images.split(self.batch_size):
                found = self.extractor(block)
                named = found if isinstance(found, Mapping) else {"features": found}
                for name, h in {PIXELS: block, **named}.items():
                    parts.setdefault(name, []).append(h.to("cpu", torch.float32))
        return {name: torch.cat(hs) for name, hs in parts.items()}

    def __call__(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """{layer: (n, f)}, unit vectors."""
        found = {}
        for name, h in self._raw(images).items():
            mean, scale = self.moments[name]
            found[name] = torch.nn.functional.normalize(((h - mean) / scale).flatten(1).double(), dim=1)
        return found


@typed
def feature_survival(
    denoiser: Denoiser,
    images: ArrayLike,
    extractor: Layers,
    sigmas: ArrayLike,
    *,
    reference: ArrayLike | None = None,
    labeller: Labeller | None = None,
    n_steps: int = 40,
    method: str = "ddpm",
    batch_size: int = 256,
    seed: int = 0,
    show: bool | None = None,
) -> xr.Dataset:
    """Cosine similarity of start and end of the round trip, layer by layer from shallow to deep [@Sclocchi2025].

    Parameters
    ----------
    denoiser : Denoiser
        Any `denoiser(x, sigma) -> E[x0 | x]`.
    images : array_like, shape (n, *event)
        The starting images, two or more.
    extractor : callable
        A `learned.Classifier`, a `learned.LayerFeatures` of any torch module, or any callable from images to
        `{layer: (batch, channels, ...)}` or to one tensor.
    sigmas : array_like, shape (levels,)
        Increasing noise levels > 0.
    reference : array_like, shape (m, *event), optional
        Images that set mean and scale of each channel (default: `images`).
    labeller : callable, optional
        Images to classes or scores; with it the class is followed too.
    n_steps : int
        Steps of the way back.
    method : str
        The sampler of the way back: "ddpm", "ddim", "euler" or "heun".
    batch_size : int
        Images at once; the result does not depend on it beyond rounding.
    seed : int
        Of the noise.
    show : bool, optional
        Whether to show progress (default: on a terminal).

    Returns
    -------
    Dataset over `(layer, sigma)`
        `cosine` and its null `cosine_chance`, with `_stderr` over images; over `layer`, `half_sigma` and `width`, with
        `_stderr` by bootstrap over images, nan where `sigmas` do not reach; with a `labeller` also `class_kept` and
        its null `class_kept_chance`. The first layer is "pixels".

    Raises
    ------
    DenoiserContractError
        A trajectory is not finite.
    EmptyDataError, ShapeError, NoiseLevelError
        `images`, `reference` or `sigmas` cannot be used.

    Examples
    --------
    >>> D = lambda x, sigma: x / (1 + sigma**2)
    >>> x = torch.linspace(-1, 1, 24).reshape(8, 3)
    >>> found = feature_survival(D, x, lambda x: {"squares": x**2}, [0.01, 0.1, 1.0], n_steps=5)
    >>> found.layer.values.tolist(), found.cosine.sel(layer="pixels")[0].round(2).item()
    (['pixels', 'squares'], 1.0)
    """
    images, grid = check.points("images", images, minimum=2), check.positive_sigmas("sigmas", sigmas)
    reference = images if reference is None else check.points("reference", reference, minimum=2)
    check.choice("method", method, METHODS)
    read = _Standardised(extractor, reference, check.integer("batch_size", batch_size, 1))
    start, cosines, chances, kept, kept_chance = read(images), [], [], [], []
    first = None if labeller is None else labels_of(labeller, images)
    for sigma in progress.bar(grid.tolist(), label="round trips", show=show):
        end = _round_trip(denoiser, images, sigma, n_steps, method, seed, batch_size)
        features = read(end)
        cosines.append([(start[name] * features[name]).sum(1).numpy() for name in start])
        chances.append([(start[name] * features[name].roll(1, 0)).sum(1).numpy() for name in start])
        if labeller is not None:
            last = labels_of(labeller, end)
            kept.append(first == last)
            kept_chance.append(first == np.roll(last, 1))
    value, chance = (np.array(parts).transpose(1, 2, 0) for parts in (cosines, chances))
    result = _estimates(list(start), grid, value, chance, seed)
    if labeller is not None:
        for name, each in (("class_kept", kept), ("class_kept_chance", kept_chance)):
            result = result.assign(estimates("sigma", **{name: mean_error(np.array(each), axis=1)}))
    result.attrs = provenance(seed=seed, device=str(images.device))
    result.attrs |= {"n": len(images), "n_steps": n_steps, "method": method}
    return result


def _round_trip(
    denoiser: Denoiser, images: torch.Tensor, sigma: float, n_steps: int, method: str, seed: int, batch_size: int
) -> torch.Tensor:
    parts = [
        forward_backward(
            denoiser, images[start : start + batch_size], sigma, n_steps, method, seed,
            range(start, min(start + batch_size, len(images))), show=False,
        )
        for start in range(0, len(images), batch_size)
    ]  # fmt: skip
    end = torch.cat(parts)
    if not bool(end.isfinite().all()):
        raise DenoiserContractError("denoiser", f"gave NaN or inf on the way back from {sigma:g}", "check its levels")
    return end


def _estimates(layers: list[str], grid: np.ndarray, value: np.ndarray, chance: np.ndarray, seed: int) -> xr.Dataset:
    """From `(layer, image, sigma)` cosines: means, and where each layer's curve falls."""
    curves = {name: mean_error(each, axis=1) for name, each in (("cosine", value), ("cosine_chance", chance))}

    def half_and_width(curves: np.ndarray) -> np.ndarray:
        early, half, late = falling_crossing(grid, curves, [[0.75], [0.5], [0.25]])
        return np.stack([half, np.log(late / early)], -1)

    pairs = zip(value, chance, strict=True)
    found = np.array([with_error(half_and_width, image_bootstrap(v, c, seed)) for v, c in pairs])
    variables = estimates(("layer", "sigma"), **curves)
    variables |= estimates("layer", half_sigma=found[..., 0].T, width=found[..., 1].T)
    return xr.Dataset(variables, coords={"layer": layers, "sigma": grid})
