"""How far are a network, its linear distillation, the Gaussian and the empirical optimum apart? [@Li2024], Figs. 2, 27.

Root mean square difference per pixel against the noise level, for three sizes of the training set, on held-out images
(top) and on training images (bottom). D_L is the affine map nearest to the network. That D_L is close to D_G
is the null expectation of every exact posterior mean on inputs from its own distribution; the same distillation of the
empirical optimum (dotted) shows what it takes without any network. A fit to N noised points adds about
RMSE(D, D_L) sqrt(d / N) to the distance of D_L and D_G; `weight_distance` in the result is free of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, ink, letters, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZES = {"small": (16, 128, 1400), "medium": (64, 1024, 16384), "full": (64, 1024, 24000)}
POINTS = 1024  # at least so many noised images, and four for each of their pixels


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Differences over (n_train, model, inputs, sigma), means over one network of each repeat."""
    from ...compare.regimes._regime_map import regime_networks
    from ...compare.regimes._summary import averaged
    from ...compare.regimes.ground import stacked
    from ._regime_runs import prepared, regimes

    found = regimes(scale, seed)
    data, plan, folder = prepared(scale, seed)
    held_out = plan.pool(data)[1]
    parts = []
    sizes = [size for size in SIZES[scale] if size in plan.sizes] or plan.sizes
    for size in sizes:
        repeats = []
        for repeat in range(plan.repeats):
            training, network = regime_networks(data, plan, folder, size, plan.widths[-1], repeat)[0]
            repeats.append(_distances(network, training, held_out, plan, seed))
        parts.append(averaged(stacked(repeats, "repeat", range(plan.repeats)), plan.n_samples))
    result = stacked(parts, "n_train", sizes).astype("float32")
    return result.assign_attrs(found.attrs | {"repeats": plan.repeats, "width": plan.widths[-1]})


def _distances(network, training, held_out, plan, seed: int) -> xr.Dataset:
    """`distill_linear` of a network and of the empirical optimum, with the distance between the two next to them."""
    from ...compare.comparison._track import track
    from ...compare.measures.distillation import distill_linear
    from ...compare.regimes.ground import stacked
    from ...theory.empirical.optimum import EmpiricalDenoiser

    empirical = EmpiricalDenoiser(training.images.double())
    points = max(POINTS, 4 * training.images[0].numel())
    n_noise = max(8, -(-points // len(training)))
    found = distill_linear(
        network, training.images, plan.sigmas, held_out=held_out.images, theories={"empirical": empirical},
        n_noise=n_noise, seed=seed, show=False,
    )  # fmt: skip
    keep = ["weight_distance", "rmse_linear_gaussian", "rmse_model_linear", "rmse_model_gaussian"]
    found = found[[name for key in keep for name in (key, f"{key}_stderr")]]
    splits = {"training": training.images, "held-out": held_out.images}
    tracks = [
        track(network, {"empirical": empirical}, images, plan.sigmas, seed=seed, hand_over=False, show=False).isel(
            theory=0, drop=True
        )
        for images in splits.values()
    ]
    beside = stacked([one[["rmse", "rmse_stderr"]] for one in tracks], "inputs", splits).rename(
        rmse="rmse_model_empirical", rmse_stderr="rmse_model_empirical_stderr"
    )
    return found.merge(beside.expand_dims(model=["network"]).reindex(model=found.model))


LINES: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
    ("network", "rmse_model_gaussian", "network, Gaussian", "gaussian", {"marker": "^"}),
    ("network", "rmse_linear_gaussian", "distilled, Gaussian", "network", {}),
    ("network", "rmse_model_linear", "network, distilled", "mixture", {"marker": "D"}),
    ("network", "rmse_model_empirical", "network, empirical", "empirical", {"marker": "s"}),
    ("empirical", "rmse_model_gaussian", "null: empirical, Gaussian", "empirical", {"ls": ":"}),
    ("empirical", "rmse_linear_gaussian", "null: distilled empirical, Gaussian", "network", {"ls": ":"}),
)


@panel(
    *dict.fromkeys(f"{line[1]}{rest}" for line in LINES for rest in ("", "_stderr")), "sigma", "n_train", "inputs",
    "model", choice={"inputs": ("held-out", "training")}, size=0.75,
)  # fmt: skip
def plot_distances(ax: Axes, result: xr.Dataset, inputs: str) -> None:
    """How far network, linear distillation, Gaussian and empirical optimum are apart; the first set size."""
    at = result.isel(n_train=0) if "n_train" in result.dims else result
    for model, name, label, theory, look in LINES:
        one = at.sel(inputs=inputs, model=model)
        shade = ink(ax, theory)
        ax.errorbar(one.sigma, one[name], one[f"{name}_stderr"], lw=1.1, ms=2.5, label=label, color=shade, **look)
    ax.set(xscale="log", yscale="log", xlabel=r"noise level $\sigma$", ylabel="RMSE per pixel")
    ax.set_title(f"$n$ = {int(at.n_train)}, {inputs} images", loc="right")


def draw(dataset: xr.Dataset) -> Figure:
    """A column for each size, held-out above training inputs."""
    from matplotlib import pyplot as plt

    sizes = dataset.n_train.values
    with style():
        figure, axes = plt.subplots(2, len(sizes), figsize=(PAGE, 4.3), sharex=True, sharey=True)
        for row, inputs in zip(axes, ("held-out", "training"), strict=True):
            for ax, size in zip(row, sizes, strict=True):
                plot_distances(dataset.sel(n_train=size), ax=ax, inputs=inputs, legend=False).label_outer()
        letters(axes.flat)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """At the noise level where network and Gaussian differ most, and what the null does."""
    from ..._support.estimates import show

    def told(n: int, model: str, name: str, inputs: str = "held-out") -> str:
        part = dataset.sel(n_train=n, model="network", inputs="held-out")
        at = int(part.rmse_model_gaussian.argmax("sigma"))
        one = dataset.sel(n_train=n, model=model, inputs=inputs).isel(sigma=at)
        return show(float(one[name]), float(one[f"{name}_stderr"]))

    few, many = int(dataset.n_train[0]), int(dataset.n_train[-1])
    return Findings(
        "the distilled map of any exact posterior mean is the Gaussian optimum on inputs of its own distribution",
        f"largest RMSE of network and Gaussian: {told(many, 'network', 'rmse_model_gaussian')} at n = {many}, where "
        f"network and empirical differ by {told(many, 'network', 'rmse_model_empirical')}, and the weights of the "
        f"distilled map from the Wiener filter by {told(many, 'network', 'weight_distance')} of their norm",
        f"at n = {few} these weights differ by {told(few, 'network', 'weight_distance')} on held-out and by "
        f"{told(few, 'network', 'weight_distance', 'training')} on training images; those of the empirical "
        f"optimum, without any network, by {told(few, 'empirical', 'weight_distance')} and "
        f"{told(few, 'empirical', 'weight_distance', 'training')}",
    )
