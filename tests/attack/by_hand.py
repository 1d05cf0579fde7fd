"""Short valid calls of what the examples of the docstrings call too slowly, or do not call."""

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from idealscore.compare import RegimePlan, bumps, null_transitions, regime_map, track
from idealscore.compare.bumps import BumpPlan
from idealscore.learned.data import ImageData
from idealscore.learned.wrap import Clock
from idealscore.paper_figs import catalogue
from idealscore.simulate.bumps import BumpCanvas
from idealscore.simulate.percolation import sweep
from idealscore.theory import GaussianDenoiser

CALLS: dict[str, Callable[[], dict[str, Any]]] = {}


def call_of(*names: str) -> Callable[[Callable[[], dict[str, Any]]], Callable[[], dict[str, Any]]]:
    """The decorated function makes the arguments of these callables."""

    def registered(made: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        CALLS.update(dict.fromkeys(names, made))
        return made

    return registered


@cache
def bump_plan() -> BumpPlan:
    """Two networks of a few steps on a few bumps."""
    chosen = bumps.plan("small")
    recipe = replace(
        chosen.recipe,
        network="mlp",
        options={"width": 4, "depth": 1},
        attend=False,
        train=replace(chosen.recipe.train, steps=2, batch=4),
        levels=2,
    )
    canvases = {"canvas": BumpCanvas(5), "torus": BumpCanvas(5, periodic=True)}
    few = {"sizes": (5,), "counts": ((1.0,), (0.5,)), "widths": (0.5,), "shares": (0.5,), "seeds": 1}
    return replace(chosen, recipe=recipe, layers=("enter",), **canvases, **few)


@call_of("compare.bumps.BumpPlan")
def _() -> dict[str, Any]:
    return {name: getattr(bump_plan(), name) for name in BumpPlan.__dataclass_fields__}


@call_of(
    "compare.bumps.bump_representation",
    "compare.bumps.data_efficiency",
    "compare.bumps.held_out_composition",
    "compare.bumps.percolation_of_accuracy",
)
def _() -> dict[str, Any]:
    return {"plan": bump_plan(), "seed": 0, "device": "cpu"}


def _module(**attributes: Any) -> nn.Module:
    """A module that looks like one of another library."""
    made = nn.Identity()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


class _Schedule(nn.Module):
    """alpha_t = 1 and sigma_t from 0.01 to 100, as a schedule of azula gives them."""

    def forward(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.ones_like(t), 10 ** (4 * t - 2)


@call_of("learned.wrap.azula")
def _() -> dict[str, Any]:
    return {"denoiser": _module(schedule=_Schedule()), "shape": (2,), "condition": "label"}


@call_of("learned.wrap.deepinv")
def _() -> dict[str, Any]:
    return {"denoiser": nn.Identity(), "shape": (2,), "range": (0.0, 1.0), "condition": "class_labels"}


@call_of("learned.wrap.WrappedDenoiser")
def _() -> dict[str, Any]:
    return {"inner": nn.Identity(), "shape": (2,), "timing": Clock(), "range": (0.0, 1.0), "integer": False}


@call_of("learned.wrap.k_diffusion")
def _() -> dict[str, Any]:
    module = _module(inner_model=nn.Identity(), get_scalings=len)
    return {"denoiser": module, "shape": (2,), "condition": "class_cond"}


@call_of("learned.wrap.lucidrains")
def _() -> dict[str, Any]:
    betas = torch.linspace(1e-4, 0.02, 10)
    return {"diffusion": _module(objective="pred_v", betas=betas, self_condition=True), "feedback": 1}


@call_of("learned.wrap.smalldiffusion")
def _() -> dict[str, Any]:
    return {"model": _module(predict_eps=len, input_dims=(2,)), "schedule": None}


@call_of("learned.wrap.torchcfm")
def _() -> dict[str, Any]:
    return {"model": nn.Identity(), "matcher": None, "shape": (2,)}


@cache
def _library() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import diffusers
    return diffusers


@cache
def _unet() -> nn.Module:
    sizes = {"sample_size": 8, "in_channels": 1, "out_channels": 1, "layers_per_block": 1, "norm_num_groups": 4}
    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    return _library().UNet2DModel(**sizes, **blocks, block_out_channels=(8, 8))


@call_of("learned.wrap.diffusers")
def _() -> dict[str, Any]:
    return {"unet": _unet(), "scheduler": _library().DDPMScheduler()}


@cache
def _pipeline() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    _library().DDPMPipeline(_unet(), _library().DDPMScheduler()).save_pretrained(folder.name)
    return folder


@call_of("learned.wrap.diffusers_pipeline")
def _() -> dict[str, Any]:
    return {"path": _pipeline().name, "device": "cpu", "variant": None, "ema": None, "scheduler": None}


def _shrunk(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The optimum of white data of variance 1/4."""
    return z / (1 + 4 * t.reshape(-1, 1) ** 2)


@call_of("learned.wrap.identify")
def _() -> dict[str, Any]:
    images = torch.arange(24.0).sin().reshape(12, 2) / 2
    known = {"predicts": "x0", "clock": "sigma", "range": (-1.0, 1.0)}
    return {"net": _shrunk, "images": images, **known, "n_images": 8, "n_levels": 2, "seed": 0, "show": False}


@cache
def _table() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    (Path(folder.name) / "curves.csv").write_text("label,timestep,acc\na,0,0.1\na,10,0.9\nb,0,0.2\nb,10,0.8\n")
    return folder


@call_of("compare.concepts.read_curves")
def _() -> dict[str, Any]:
    path = Path(_table().name) / "curves.csv"
    return {"path": path, "label": "label", "step": "timestep", "value": "acc", "percent": False}


@cache
def _regimes() -> Any:
    return catalogue.saved("regime_map")


@call_of("compare.regimes.table", "compare.regimes.regime_figure")
def _() -> dict[str, Any]:
    return {"result": _regimes()}


PLAN = RegimePlan(
    sizes=(2,), widths=(2,), depth=1, repeats=1, held_out=2, steps=2, batch=2, snapshots=1, first_step=1, levels=1,
    n_images=2, n_pairs=2, n_samples=2, theories=("empirical",),
)  # fmt: skip


@cache
def _dots() -> ImageData:
    return ImageData(torch.arange(10.0).sin().reshape(10, 1, 1, 1))


@call_of("compare.regimes.regime_map")
def _() -> dict[str, Any]:
    nothing = dict.fromkeys(("run_dir", "features", "cluster", "announce", "started", "show"))
    return {"data": _dots(), "plan": PLAN, "workers": 1, "device": "cpu", "budget": "", **nothing}


@cache
def _mapped() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    regime_map(_dots(), PLAN, folder.name, show=False)
    return folder


@call_of("compare.regimes.regime_networks")
def _() -> dict[str, Any]:
    return {"data": _dots(), "plan": PLAN, "run_dir": _mapped().name, "size": 2, "width": 2, "repeat": 0}


@call_of("compare.plot.plot_regime_map")
def _() -> dict[str, Any]:
    return {"result": _regimes(), "ax": None, "along": "step", "inputs": "held-out", "sigma": 0.5}


@call_of("compare.plot.plot_test_train_gap")
def _() -> dict[str, Any]:
    return {"result": _regimes(), "ax": None, "sigma": 0.5}


@call_of("compare.plot.plot_agreement")
def _() -> dict[str, Any]:
    return {"result": _regimes(), "ax": None, "measure": "rp"}


@call_of("compare.schedules.schedule_gain")
def _() -> dict[str, Any]:
    gaussian = GaussianDenoiser(torch.zeros(2), torch.diag(torch.tensor([4.0, 1.0])))
    few = {"steps": (2,), "schedules": ("karras",), "solver": "euler", "n": 2, "fine_steps": 8}
    return {"denoiser": gaussian, "data": gaussian, **few, "sigma_max": 80.0, "seed": 0, "show": False}


@call_of("compare.plot.plot_copies", "compare.plot.plot_crossovers")
def _() -> dict[str, Any]:
    return {"result": _regimes(), "ax": None}


@cache
def _tracked() -> Any:
    x = torch.arange(40.0).sin().reshape(20, 2)
    gaussian = GaussianDenoiser.fit(x)
    return track(gaussian, {"gaussian": gaussian}, x, [0.5, 1.0], show=False)


@call_of("compare.plot.plot_score_gap", "compare.plot.plot_explained", "compare.plot.plot_denoising_error")
def _() -> dict[str, Any]:
    return {"result": _tracked(), "ax": None}


@call_of("compare.transitions.plot_transitions")
def _() -> dict[str, Any]:
    points = torch.tensor([[-4.0, 1.0], [-3.0, -1.0], [4.0, 1.0], [3.0, -0.5]])
    return {"table": null_transitions(points, nulls=[], n_modes=1, n_draws=0), "schedule": None, "ax": None}


@call_of("theory.identities.check_contract")
def _() -> dict[str, Any]:
    gaussian = GaussianDenoiser(torch.zeros(2), torch.diag(torch.tensor([4.0, 1.0])))
    return {"denoiser": gaussian, "x": torch.arange(6.0).sin().reshape(3, 2), "sigmas": [0.5, 1.0]}


@cache
def _sweeps() -> list[Any]:
    return [sweep("square", "bond", size, 40, quantities=("largest", "wrapping")) for size in (4, 8)]


@call_of("simulate.percolation.critical_exponents")
def _() -> dict[str, Any]:
    return {"sweeps": _sweeps(), "p": 0.5}


@call_of("simulate.percolation.estimate_threshold")
def _() -> dict[str, Any]:
    return {"sweeps": _sweeps(), "event": "horizontal"}


@call_of("simulate.random_features.gradient_flow")
def _() -> dict[str, Any]:
    few = {"n": 4, "features": 8, "draws": 40, "repeats": 2}
    return {
        "times": [0.0, 1.0, 100.0],
        "spectrum": [2.0, 1.0, 0.5],
        "noise": 0.5,
        "activation": "tanh",
        "seed": 0,
        **few,
    }
