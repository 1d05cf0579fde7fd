"""The main job: train a small network (or take the user's), and hold it against every optimum of its training set."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support.estimates import estimates
from ...errors import CovarianceError, EmptyDataError, ShapeError
from ...learned import checkpoint
from ...learned.data import ImageData, load
from ...learned.networks import NetworkDenoiser, UNetDenoiser
from ...learned.training import TrainConfig, train
from ...learned.training.presets import preset
from ...simulate.diffusion import noised
from ...theory.denoiser import Denoiser
from ...theory.transition import Transition
from ...theory.transitions import collapse, mode_emergence, speciation
from ..measures._memorisation import exact_duplicates
from ._optima import THEORIES, optima
from ._track import track
from ._trained_range import Range, noise_range, trained_range

HELD_OUT, TRAINING = "held-out", "training"
N_EXAMPLE_LEVELS, EXAMPLE_RANGE = 5, (0.15, 0.77)  # where, in the list of noise levels, images differ most


@dataclass(frozen=True)
class Comparison:
    """Hold a network against the closed-form optima of its training set, noise level by noise level.

    data: "digits", or a .parquet, .npz, .npy file or a folder of images. model: a run folder or a .safetensors file
    of a network trained on these data, or several, whose reproducibility is then measured too; without any a small
    network is trained now. held_out: share of the images (or
    their number) kept from training. levels, sigma_min, sigma_max: the noise levels, spaced evenly in log sigma.
    n_images: at most so many held-out (and training) images are noised, n_noise times each. patch_size: of the local
    optimum, in pixels. steps: of training the small network. n_samples: drawn from each of several models. seed: of
    everything.
    """

    data: str = "digits"
    model: tuple[str, ...] = ()
    held_out: float = 0.2
    levels: int = 14
    sigma_min: float = 0.05
    sigma_max: float = 20.0
    n_images: int = 360
    n_noise: int = 2
    patch_size: int = 3
    theories: tuple[str, ...] = THEORIES
    steps: int = 2500
    n_samples: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if self.model is None or isinstance(self.model, str):
            object.__setattr__(self, "model", (self.model,) if self.model else ())
        check.integer("n_samples", self.n_samples, 2)
        check.integer("levels", self.levels, 2)
        check.real("sigma_max", self.sigma_max, check.real("sigma_min", self.sigma_min, 1e-6))
        check.integer("n_images", self.n_images, 2)
        check.integer("n_noise", self.n_noise, 1)
        check.integer("steps", self.steps, 1)
        for theory in self.theories:
            check.choice("theories", theory, THEORIES)

    @property
    def sigmas(self) -> np.ndarray:
        return np.geomspace(self.sigma_min, self.sigma_max, self.levels)

    def compute(self, run_dir: Path | None = None, show: bool | None = None) -> xr.Dataset:
        """Do it all: `track` over `(split, theory, sigma)`, the transitions and a few denoised examples.

        `run_dir` keeps the small network's training, which a second call resumes.
        """
        data = load(self.data)
        training, held_out = data.split(self.held_out, self.seed)
        if not self.model:
            network, note, levels = self._trained(training, run_dir, show)
            return compare(network, training, held_out, self, note=note, trained_on=levels, show=show)
        networks = {name: _loaded(path, training) for name, path in _names(self.model).items()}
        notes = {name: _origin(Path(path), data, training) for name, path in _names(self.model).items()}
        if len(networks) == 1:
            [(name, network)] = networks.items()
            return compare(network, training, held_out, self, note=notes[name], show=show)
        from .several_models import compare_models

        return compare_models(networks, training, held_out, self, notes=notes, show=show)

    def _trained(
        self, training: ImageData, run_dir: Path | None, show: bool | None
    ) -> tuple[NetworkDenoiser, str, Range]:
        network, recipe = small_network(training, self.seed)
        recipe = replace(recipe, steps=self.steps)
        trained = train(network, training, recipe, run_dir, show=show).network
        size = f"{trained.name} of {trained.n_parameters} parameters"
        return trained, f"{size}, trained for {self.steps} steps on {training.name}", noise_range(recipe.noise)


def _names(paths: Sequence[str]) -> dict[str, str]:
    """A short name for each model: the last parts of its path, as many as it takes to tell them apart."""
    parts = {path: Path(path).with_suffix("").parts for path in paths}
    for depth in range(1, max(map(len, parts.values())) + 1):
        names = {"/".join(part[-depth:]): path for path, part in parts.items()}
        if len(names) == len(parts):
            return names
    return dict(zip(paths, paths))


def _loaded(path: str, training: ImageData) -> NetworkDenoiser:
    network = checkpoint.load(path)
    if tuple(network.shape) != training.shape:
        raise ShapeError("model", f"denoises {tuple(network.shape)}", f"pass data of that shape, not {training.shape}")
    return network


def small_network(training: ImageData, seed: int) -> tuple[NetworkDenoiser, TrainConfig]:
    """A network that a CPU trains in minutes: the digits' preset for images of up to 256 pixels, else a small U-Net."""
    if training.shape[1] * training.shape[2] <= 256:
        return preset("digits", training, seed)
    network = UNetDenoiser(training.shape, seed=seed, width=32, multipliers=(1, 2, 2), sigma_data=training.sigma_data)
    return network, TrainConfig(seed=seed)


def _origin(model: Path, data: ImageData, training: ImageData) -> str:
    """What is known of the data that a given network was trained on."""
    config = model / "config.json" if model.is_dir() else model.parent / "config.json"
    if not config.exists():
        return f"{model}; not known on which images it was trained: the theories are those of {training.name}"
    found = json.loads(config.read_text(encoding="utf-8")).get("data", {}).get("fingerprint")
    if found == training.fingerprint:
        return f"{model}, trained on exactly the images of the theories"
    if found == data.fingerprint:
        return f"{model}, trained on ALL images: none of those called held-out here were held out from it"
    return f"{model}, trained on OTHER images than the theories"


def compare(
    network: Denoiser,
    training: ImageData,
    held_out: ImageData,
    config: Comparison | None = None,
    *,
    note: str = "",
    trained_on: Range | None = None,
    show: bool | None = None,
) -> xr.Dataset:
    """`track` on held-out and on training images, with the predicted transitions and a few denoised examples beside.

    `trained_on` is the range of noise levels that the network was trained on, read from the network where it was
    loaded from a run; levels outside are marked in `outside`. Warns where held-out images are in the training set.
    Raises EmptyDataError for fewer than two images of a kind, CovarianceError where all training images are equal.
    """
    config = config or Comparison()
    theories = checked_optima(training, held_out, config)
    return against(theories, network, training, held_out, config, note, trained_on, show)


def checked_optima(training: ImageData, held_out: ImageData, config: Comparison) -> dict[str, Denoiser]:
    """The optima of `training`, once training and held-out images are fit for a comparison."""
    if held_out.shape != training.shape:
        raise ShapeError("held_out", f"has shape {held_out.shape}", f"pass images of shape {training.shape}")
    for name, images in {"training": training, "held_out": held_out}.items():
        if len(images) < 2:
            raise EmptyDataError(name, f"holds {len(images)} image", "pass at least 2")
    if bool((training.images == training.images[0]).all()):
        raise CovarianceError("training", f"holds {len(training)} equal images", "pass images that differ")
    shared = exact_duplicates(held_out.images, training.images)
    if shared:
        warnings.warn(f"{shared} of the held-out images are in the training set", stacklevel=3)
    return optima(training, config.theories, config.patch_size, config.seed)


def against(
    theories: Mapping[str, Denoiser],
    network: Any,
    training: ImageData,
    held_out: ImageData,
    config: Comparison,
    note: str,
    trained_on: Range | None,
    show: bool | None,
) -> xr.Dataset:
    """`compare` with the optima at hand."""
    splits = {HELD_OUT: held_out, TRAINING: training}
    tracks = [
        track(
            network, theories, data.images[: config.n_images], config.sigmas,
            n_noise=config.n_noise, seed=config.seed, show=show,
        )
        for data in splits.values()
    ]  # fmt: skip
    result = xr.concat(tracks, dim=xr.Variable("split", list(splits)), combine_attrs="override")
    result = result.merge(_examples(network, theories, held_out.images[0], config))
    result = result.merge(_as_variables(predicted_transitions(training, len(training))))
    low, high = trained_on or trained_range(network) or (0.0, np.inf)
    result["outside"] = ("sigma", (config.sigmas < low) | (config.sigmas > high))
    result.attrs = tracks[0].attrs | {
        "network": note,
        "data": training.name,
        "n_train": len(training),
        "held_out_in_training": exact_duplicates(held_out.images, training.images),
        "trained_on": (low, high),
        "configuration": json.dumps(asdict(config)),
    }
    return result


def predicted_transitions(training: ImageData, n_train: int) -> list[Transition]:
    """Where theory expects the first and the tenth mode, the classes and the training images to appear."""
    modes = mode_emergence(training.images, n_modes=10)
    chosen = {"first mode": modes[0], "tenth mode": modes[-1]} if len(modes) > 1 else {"first mode": modes[0]}
    named = [("classes (speciation)", speciation(training.images)), *chosen.items()]
    named.append(("training images (Gaussian bound on collapse)", collapse(training.images, n_train=n_train)))
    return [
        Transition(name, t.noise, t.value, t.stderr, t.unit, t.equation, t.reference, t.note)
        for name, t in named
        if t.value is not None
    ]


def _as_variables(transitions: Sequence[Transition]) -> xr.Dataset:
    sigmas = [float(t.noise.sigma) for t in transitions if t.noise]
    return xr.Dataset(
        {
            **estimates("transition", transition_sigma=(sigmas, [t.stderr for t in transitions])),
            "transition_equation": ("transition", [t.equation for t in transitions]),
            "transition_reference": ("transition", [t.reference for t in transitions]),
        },
        coords={"transition": [t.name for t in transitions]},
    )


def _examples(
    network: Denoiser, theories: Mapping[str, Denoiser], image: torch.Tensor, config: Comparison
) -> xr.Dataset:
    """One held-out image at five noise levels, denoised by the network and by every theory."""
    chosen = np.unique((np.linspace(*EXAMPLE_RANGE, N_EXAMPLE_LEVELS) * (config.levels - 1)).round().astype(int))
    levels = config.sigmas[chosen]
    rows = {"clean": [], "noisy": [], "network": [], **{name: [] for name in theories}}
    for sigma in levels:
        x = noised(image[None], float(sigma), config.seed)
        with torch.no_grad():
            denoised = {"network": network(x, float(sigma))} | {k: d(x, float(sigma)) for k, d in theories.items()}
        for name, picture in {"clean": image[None], "noisy": x, **denoised}.items():
            rows[name].append(picture[0].float().numpy(force=True))
    return xr.Dataset(
        {"example": (("panel", "example_sigma", "channel", "height", "width"), np.array(list(rows.values())))},
        coords={"panel": list(rows), "example_sigma": levels},
    )
