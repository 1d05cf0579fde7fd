"""The same noise carried to an image by networks and by theories: what each of them makes of it.

(a) Each column is one draw of noise, each row a denoiser that carries it deterministically. Networks of two
architectures and of two disjoint halves of the digits make nearly the same image [@Zhang2024]; the Gaussian optimum
and the affine map distilled from the network a blurred version of it [@Li2024]; the empirical optimum a training
image. (b) Cosine of the samples (less their mean over all models) with those of the first row, and of unrelated draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, background, ink, letters, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...compare.measures.affine import AffineDenoiser

SHOWN = 10
GRID = (18, 0.01, 40.0)
PLAN: dict[str, dict[str, int]] = {"small": {"n": 128, "n_noise": 8}, "full": {"n": 2048, "n_noise": 64}}


class Distilled:
    """The affine maps nearest to a denoiser at the levels of a grid."""

    def __init__(self, denoiser: Any, images: Any, sigmas: Any, n_noise: int, seed: int) -> None:
        from ...compare.measures.affine import fit_affine

        self.maps: dict[float, AffineDenoiser] = {
            float(s): fit_affine(denoiser, images, float(s), n_noise=n_noise, seed=seed) for s in sigmas
        }

    def __call__(self, x: Any, sigma: float) -> Any:
        return self.maps[float(sigma)](x, sigma)


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`image` `(model, draw, height, width)` and the cosine of each model with the first."""
    import numpy as np

    from ..._support import checks as check
    from ..._support.results import provenance
    from ...compare.comparison._optima import optima
    from ...compare.measures._paired_samples import paired_samples
    from ...compare.measures._reproducibility import pairwise_reproducibility
    from ...theory.noise import karras_sigmas
    from .._digit_networks import network, part

    plan = PLAN[check.choice("scale", scale, PLAN)]
    training, sigmas = part("all", seed), karras_sigmas(*GRID)
    first = network("mlp", "all", seed, scale)
    theories = optima(training, patch_size=3, seed=seed)
    models = {
        "network": first,
        "another architecture": network("unet", "all", seed, scale),
        "half of the data": network("mlp", "A", seed, scale),
        "the other half": network("mlp", "B", seed, scale),
        "Gaussian optimum": theories["gaussian"],
        "distilled affine map": Distilled(first, training.images, sigmas, plan["n_noise"], seed),
        "local optimum": theories["local"],
        "empirical optimum": theories["empirical"],
    }
    samples = paired_samples(models, training.shape, plan["n"], sigmas=[*sigmas, 0.0], seed=seed)
    found = pairwise_reproducibility(samples)
    kept = [name for name in found if str(name).startswith(("cosine", "rp", "rmse"))]
    result = found[kept].sel(other="network", drop=True)
    images = np.stack([x[:SHOWN, 0].float().numpy(force=True) for x in samples.values()])
    result = result.assign(image=(("model", "draw", "height", "width"), images.astype(np.float32)))
    result.attrs = provenance(seed=seed) | {"scale": scale, "n": plan["n"], "n_train": len(training)}
    return result


def findings(dataset: xr.Dataset) -> Findings:
    """The cosine of each row with the first."""
    from ..._support.estimates import show

    def cosine(model: str, part: str = "") -> str:
        one = dataset.sel(model=model)
        return show(float(one[f"cosine{part}"]), float(one[f"cosine{part}_stderr"]))

    return Findings(
        "networks that generalise make one image of one noise, near the Gaussian optimum's and unlike a training image",
        f"cosine with the network's sample, {dataset.attrs['n']} draws: another architecture "
        f"{cosine('another architecture')}, the other half of the data {cosine('the other half')}, Gaussian optimum "
        f"{cosine('Gaussian optimum')}, distilled affine map {cosine('distilled affine map')}, local optimum "
        f"{cosine('local optimum')}, empirical optimum {cosine('empirical optimum')}",
        f"chance is {cosine('another architecture', '_chance')}; on 8 x 8 digits the empirical optimum is not far off "
        "either, because noise decides most of so small an image",
    )


@panel("image", "model")
def plot_same_noise_images(ax: Axes, result: xr.Dataset) -> None:
    """What each model makes of the same draws of noise: a row for each model, a column for each draw."""
    import numpy as np

    names, images = result.model.values.tolist(), result.image.values
    height = images.shape[2] + 1
    gap = np.pad(images, [(0, 0), (0, 0), (0, 1), (0, 1)], constant_values=np.nan)
    ax.imshow(gap.transpose(0, 2, 1, 3).reshape(len(names) * height, -1), cmap="gray", vmin=-1, vmax=1)
    ax.set_yticks([height * (i + 0.45) for i in range(len(names))], names)
    ax.set(xticks=[], xlabel="draws of noise", ylabel="model")
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


@panel("cosine", "cosine_stderr", "cosine_chance", "cosine_chance_stderr", "model", loc="lower center")
def plot_same_noise_cosines(ax: Axes, result: xr.Dataset) -> None:
    """Cosine of each model's samples with those of the first, from the same and from other noise."""
    names = result.model.values.tolist()
    rows = range(len(names))
    shade, chance = ink(ax, "network"), {"mfc": background(ax), "color": ink(ax, "exact")}
    ax.errorbar(result.cosine, rows, xerr=result.cosine_stderr, fmt="o", color=shade, label="same noise")
    error = result.cosine_chance_stderr
    ax.errorbar(result.cosine_chance, rows, xerr=error, fmt="o", label="other noise", **chance)
    ax.set(xlabel="cosine with the first", ylabel="model", xlim=(-0.2, 1.05), ylim=(len(names) + 1.2, -0.5))
    ax.set_yticks(rows, names)


def draw(dataset: xr.Dataset) -> Figure:
    """The images, one row per model, with the cosines next to it."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 2, figsize=(PAGE, 0.42 * PAGE), width_ratios=(3, 1.6))
        plot_same_noise_images(dataset, ax=axes[0]).set_ylabel("")
        plot_same_noise_cosines(dataset, ax=axes[1], legend=False).set(
            yticks=[], ylabel="", ylim=(len(dataset.model) - 0.5, -0.5)
        )
        figure.legend(*axes[1].get_legend_handles_labels(), loc="outside upper right", ncols=2)
        letters(axes)
    return figure
