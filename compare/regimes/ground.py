"""What a training-set size brings along before any network: the optima, their samples and their own curves."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b

import torch
import xarray as xr

from ..._support.types import Points, Sigma
from ...learned.data.images import ImageData
from ...theory.denoiser import Denoiser
from ..comparison._optima import optima
from ..comparison._track import track
from ..measures._linearity import linearity
from ..measures._memorisation import Features, memorisation
from ..measures._paired_samples import paired_samples
from ..measures._reproducibility import pairwise_reproducibility
from ..measures.duplicates import exact_duplicates
from .plan import RegimePlan

PAIR_MEASURES = ("rp", "mae", "cosine", "rmse", "rp_chance", "cosine_chance")
MEMORY_MEASURES = ("memorised", "copies", "nearest_distance", "generalisation_distance", "generalisation_score")
HELD_OUT, TRAINING = "held-out", "training"


class Remembered:
    """A denoiser that answers the same question once: many networks are held against the same optimum."""

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser = denoiser
        self.answers: dict[tuple[tuple[float, ...], bytes], torch.Tensor] = {}

    def __call__(self, x: Points, sigma: Sigma) -> Points:
        key = (
            tuple(torch.as_tensor(sigma, dtype=torch.float64).flatten().tolist()),
            blake2b(x.numpy(force=True).tobytes(), digest_size=16).digest(),
        )
        if key not in self.answers:
            self.answers[key] = self.denoiser(x, sigma)
        return self.answers[key]


class Side:
    """One training set: its optima and their samples from the starting noise that all models share."""

    def __init__(self, training: ImageData, plan: RegimePlan) -> None:
        self.training: ImageData = training
        self.plan: RegimePlan = plan
        self.optima: dict[str, Denoiser] = optima(training, plan.theories, plan.patch_size, plan.seed)
        self.theories: dict[str, Remembered] = {name: Remembered(optimum) for name, optimum in self.optima.items()}

    @cached_property
    def samples(self) -> dict[str, torch.Tensor]:
        return draw(self.optima, self.training, self.plan)


def draw(models: Mapping[str, Denoiser], data: ImageData, plan: RegimePlan) -> dict[str, torch.Tensor]:
    """Samples of `models` from the starting noise of the plan, float32."""
    return paired_samples(
        models, data.shape, plan.n_samples, sigmas=plan.sampling_sigmas, seed=plan.seed,
        device=data.images.device, show=False,
    )  # fmt: skip


class Ground:
    """The two training sets of one size and repeat, with all that does not depend on a network."""

    def __init__(self, plan: RegimePlan, pool: ImageData, held_out: ImageData, size: int, repeat: int) -> None:
        self.plan: RegimePlan = plan
        self.held_out: ImageData = held_out
        self.centre: torch.Tensor = pool.images.double().mean(0)
        self.first: Side
        self.other: Side
        self.first, self.other = (Side(part, plan) for part in plan.sets(pool, size, repeat))

    @property
    def overlap(self) -> float:
        """Share of the second set that is also in the first."""
        return exact_duplicates(self.other.training.images, self.first.training.images) / len(self.other.training)

    def inputs(self, side: Side) -> dict[str, torch.Tensor]:
        count = self.plan.n_images
        return {HELD_OUT: self.held_out.images[:count], TRAINING: side.training.images[:count]}

    def pair(self, samples: Mapping[str, torch.Tensor], features: Features | None) -> xr.Dataset:
        """`pairwise_reproducibility` of samples, about the mean of the pool and at the plan's threshold."""
        return pairwise_reproducibility(
            samples,
            features=features,
            threshold=self.plan.threshold,
            centre=self.centre,
        )

    def nulls(self, features: Features | None) -> xr.Dataset:
        """What the optima themselves do, over `theory`, and held-out images as if they were samples."""
        plan, side = self.plan, self.first
        parts = []
        for name, optimum in side.optima.items():
            pair = self.pair({"first": side.samples[name], "other": self.other.samples[name]}, features)
            pair = pair.sel(model="first", other="other", drop=True)
            found = linearity(
                optimum, self.held_out.images, plan.sigmas, centre=side.training.images.mean(0),
                n_pairs=plan.n_pairs, seed=plan.seed, show=False,
            ).isel(alpha_squared=0, drop=True)  # fmt: skip
            memory = memorisation(side.samples[name], side.training.images, features=features).isel(set=0, drop=True)
            parts.append(
                xr.merge(
                    [
                        renamed(pair, PAIR_MEASURES, "optimum_{}_disjoint"),
                        renamed(found, ("linearity", "nonlinearity"), "optimum_{}"),
                        renamed(memory, MEMORY_MEASURES, "optimum_{}"),
                        self._errors(side, optimum),
                    ]
                )
            )
        held_out = memorisation(self.held_out.images, side.training.images, features=features).isel(set=0, drop=True)
        result = stacked(parts, "theory", side.optima)
        result = result.merge(renamed(held_out, MEMORY_MEASURES, "held_out_{}"))
        result["overlap"] = self.overlap
        return result

    def _errors(self, side: Side, optimum: Denoiser) -> xr.Dataset:
        """Denoising error of an optimum of `side`, over `(inputs, sigma)`."""
        tracks = [
            track(
                optimum, {"itself": optimum}, images, self.plan.sigmas, seed=self.plan.seed, hand_over=False, show=False
            )
            for images in self.inputs(side).values()
        ]
        found = stacked(tracks, "inputs", self.inputs(side))
        return renamed(found, ("network_denoising_error",), "optimum_denoising_error")


def stacked(parts: Sequence[xr.Dataset], dim: str, names: Iterable[Hashable]) -> xr.Dataset:
    """Datasets of the same variables along a new axis."""
    axis = xr.Variable(dim, list(names))
    return xr.concat(parts, dim=axis, data_vars="all", coords="minimal", compat="override", combine_attrs="drop")


def renamed(found: xr.Dataset, names: tuple[str, ...], pattern: str) -> xr.Dataset:
    """The variables `names` and their standard errors, `{}` in `pattern` replaced by the name; no attributes."""
    kept = {}
    for name in names:
        if name in found:
            new = pattern.format(name)
            kept[new] = found[name].variable
            kept[f"{new}_stderr"] = found[f"{name}_stderr"].variable
    coords = {name: coord for name, coord in found.coords.items() if coord.ndim}
    return xr.Dataset(kept, coords).drop_attrs()
