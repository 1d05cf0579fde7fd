"""Predicted and measured transitions: in which noise do clones part in class, in which in training image?

Clones leave from one noisy image and find their own way back [@Biroli2024]. (a) They agree in class: predicted by the
exact posterior of one Gaussian per class (line, band: its error), measured on that mixture, on networks and on the
empirical optimum; vertical: the variance rule. (b) They agree in training image: predicted for the empirical
optimum of n images (lines), measured on it, on a network that has memorised 64 images and on one that generalises;
vertical: the Gaussian bound on the collapse. (c) The ratio of measured to predicted time, on three clocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, ddpm_axis, ink, letters, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLAN: dict[str, dict[str, Any]] = {
    "small": {"n_starts": 400, "n_steps": 80, "n_draws": 1024, "few": 64},
    "full": {"n_starts": 1438, "n_steps": 400, "n_draws": 8192, "few": 64},
}
SPAN, N_LEVELS = (0.1, 10.0), 14
RATIOS = ("sigma", "OU time", "DDPM step")


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`measured_transitions` of five denoisers over `model`, with the two predicted curves over `sigma`."""
    import numpy as np
    import xarray as xr

    from ..._support import checks as check
    from ..._support.results import provenance
    from ...compare.comparison._optima import optima
    from ...compare.transitions import image_agreement, measured_transitions
    from ...theory.transitions import cloning
    from .._digit_networks import judge, network, part

    plan = PLAN[check.choice("scale", scale, PLAN)]
    everything, few = part("all", seed), part(str(plan["few"]), seed)
    theories = optima(everything, ("empirical", "mixture"), seed=seed)
    cases = {
        "network": (network("mlp", "all", seed, scale, seed), everything, 2),
        "mixture": (theories["mixture"], everything, 2),
        "empirical": (theories["empirical"], everything, 2),
        "memorising network": (network("wide mlp", str(plan["few"]), seed, scale, seed), few, 8),
        "empirical, few": (optima(few, ("empirical",), seed=seed)["empirical"], few, 8),
    }
    grid = np.geomspace(*SPAN, N_LEVELS)
    tables = []
    for denoiser, data, n_clones in cases.values():
        found = measured_transitions(
            denoiser, data.images, data.labels, judge(seed), grid,
            training=data.images, n_starts=min(plan["n_starts"], len(data)), n_clones=n_clones,
            n_steps=plan["n_steps"], n_draws=plan["n_draws"], seed=seed,
        )  # fmt: skip
        tables.append(found.drop_vars([name for name in found if str(name).endswith("_each")]))
    result = xr.concat(tables, dim=xr.Variable("model", list(cases)), combine_attrs="override")
    mixture: Any = theories["mixture"]
    predicted = cloning(mixture, grid, n=4 * plan["n_draws"], seed=seed)
    result = result.assign(phi=predicted.phi, phi_stderr=predicted.phi_stderr)
    for name, data in (("all", everything), ("few", few)):
        value, error = image_agreement(data.images, grid, plan["n_draws"], seed)
        result[f"same_image_{name}"], result[f"same_image_{name}_stderr"] = ("sigma", value), ("sigma", error)
    result.attrs = provenance(seed=seed) | {"scale": scale, "n_train": len(everything), "n_few": len(few)}
    return result.assign_attrs(accuracy=judge(seed).metadata["accuracy"])


def findings(dataset: xr.Dataset) -> Findings:
    """Predicted and measured times in sigma, and the ratio on two clocks."""
    from ..._support.estimates import show

    def time(model: str, transition: str, which: str) -> str:
        one = dataset.sel(model=model, transition=transition, clock="sigma")
        return show(float(one[which]), float(one[f"{which}_stderr"]))

    rule, gaussian = "classes: variance rule", "classes: Gaussian clones, speciation level"
    images = "images: empirical clones"
    ratio = dataset.ratio.sel(model="network", transition=rule)
    return Findings(
        f"classes part at sigma = {time('network', rule, 'predicted')} (variance rule), "
        f"{time('network', gaussian, 'predicted')} (clones of Gaussian classes); training images at "
        f"{time('empirical', images, 'predicted')} for n = {dataset.attrs['n_train']} and "
        f"{time('empirical, few', images, 'predicted')} for n = {dataset.attrs['n_few']}",
        f"classes: network {time('network', gaussian, 'measured')}, mixture {time('mixture', gaussian, 'measured')}; "
        f"images: empirical optimum {time('empirical', images, 'measured')} and "
        f"{time('empirical, few', images, 'measured')}, "
        f"network trained on {dataset.attrs['n_few']} images {time('memorising network', images, 'measured')}",
        f"measured over predicted depends on the clock: {float(ratio.sel(clock='OU time')):.2f} in OU time, "
        f"{float(ratio.sel(clock='DDPM step')):.2f} in DDPM steps for the network's classes; clones of the network "
        f"that generalises leave the training image at {time('network', images, 'measured')}, before the optimum's",
    )


LOOK = {
    "network": ("network", "o", "network"),
    "mixture": ("Gaussian mixture", "D", "mixture"),
    "empirical": ("empirical optimum", "s", "empirical"),
    "memorising network": ("network, few images", "v", "finite-sample"),
    "empirical, few": ("empirical, few images", "s", "belief_propagation"),
}
_PLACES = ("predicted", "predicted_stderr", "model", "transition", "clock")
_ROWS = (
    ("network", "classes: variance rule", "network: classes,\nvariance rule"),
    ("network", "classes: Gaussian clones, half-clone", "network: classes,\nGaussian clones"),
    ("mixture", "classes: Gaussian clones, half-clone", "mixture: classes,\nGaussian clones"),
    ("empirical", "images: empirical clones", "empirical: images,\nclones"),
    ("memorising network", "images: empirical clones", "few images: images,\nclones"),
    ("network", "images: empirical clones", "network: images,\nclones"),
)


@panel(
    "sigma",
    "phi",
    "phi_stderr",
    "agreement",
    "agreement_stderr",
    "agreement_chance",
    *_PLACES,
    loc="lower left",
    size=0.75,
)
def plot_clones_in_class(ax: Axes, result: xr.Dataset) -> None:
    """How often two clones of a noisy image agree in class against the noise: predicted, and of networks and optima."""
    shade = ink(ax, "mixture")
    ax.plot(result.sigma, result.phi, color=shade, label="predicted, Gaussian classes")
    low, high = result.phi - result.phi_stderr, result.phi + result.phi_stderr
    ax.fill_between(result.sigma, low, high, color=shade, alpha=0.2, linewidth=0)
    for name in ("mixture", "network", "empirical"):
        _points(ax, result.sel(model=name), "agreement", name)
    chance, grey = result.agreement_chance.sel(model="network"), ink(ax, "exact")
    ax.plot(result.sigma, chance, color=grey, linestyle="--", label="chance")
    _mark(ax, result.sel(model="network", transition="classes: variance rule", clock="sigma"), grey)
    _axes_of_clones(ax, "class")


@panel(
    "sigma", "same_image_all", "same_image_few", "image_agreement", "image_agreement_stderr", "n_train", "n_few",
    *_PLACES, loc="lower left", size=0.75,
)  # fmt: skip
def plot_clones_in_image(ax: Axes, result: xr.Dataset) -> None:
    """How often two clones of a noisy image agree in training image against the noise: predicted, networks, optima."""
    for name, which, theory in (("all", "empirical", "empirical"), ("few", "empirical, few", "belief_propagation")):
        size, shade = result.attrs["n_train"] if name == "all" else result.attrs["n_few"], ink(ax, theory)
        ax.plot(result.sigma, result[f"same_image_{name}"], color=shade, label=f"predicted, n = {size}")
        _mark(ax, result.sel(model=which, transition="images: Gaussian bound", clock="sigma"), shade)
    for name in ("empirical", "network", "empirical, few", "memorising network"):
        _points(ax, result.sel(model=name), "image_agreement", name)
    _axes_of_clones(ax, "training image")


@panel("ratio", "measured", "measured_stderr", *_PLACES, loc="center left", size=0.69)
def plot_transition_ratios(ax: Axes, result: xr.Dataset) -> None:
    """The ratio of measured to predicted transition, on three clocks."""
    for k, clock in enumerate(RATIOS):
        for row, (model, transition, _) in enumerate(_ROWS):
            one = result.sel(model=model, transition=transition, clock=clock)
            relative = (one.measured_stderr / one.measured) ** 2 + (one.predicted_stderr / one.predicted) ** 2
            look = {"fmt": "o^s"[k], "ms": 3, "color": shades(ax, 4)[k], "label": clock if row == 0 else None}
            ax.errorbar(one.ratio, row + 0.22 * (k - 1), xerr=abs(one.ratio) * relative**0.5, **look)
    ax.axvline(1, color=ink(ax, "exact"), linewidth=0.7)
    ax.set_yticks(range(len(_ROWS)), [label for _, _, label in _ROWS], fontsize=5.5)
    ax.set(xlabel="measured / predicted", ylim=(len(_ROWS) - 0.4, -0.6))


def _points(ax: Axes, one: Any, curve: str, name: str) -> None:
    label, marker, theory = LOOK[name]
    look = {"fmt": marker, "ms": 3, "color": ink(ax, theory), "elinewidth": 0.7, "label": label}
    ax.errorbar(one.sigma, one[curve], one[f"{curve}_stderr"], **look)


def _mark(ax: Axes, one: Any, shade: str) -> None:
    value, error = float(one.predicted), float(one.predicted_stderr)
    ax.axvline(value, color=shade, linestyle=":", linewidth=1)
    ax.axvspan(value - error, value + error, color=shade, alpha=0.15, linewidth=0)


def _axes_of_clones(ax: Axes, what: str) -> None:
    ax.set(xscale="log", xlabel=r"noise level $\sigma$", ylabel=f"clones agree in {what}", ylim=(-0.03, 1.05))
    ddpm_axis(ax)


def draw(dataset: xr.Dataset) -> Figure:
    """Two curves against noise, and the ratios of measured to predicted times."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 3, figsize=(PAGE, 0.5 * PAGE), width_ratios=(1.1, 1.1, 0.9))
        plot_clones_in_class(dataset, ax=axes[0], legend=False)
        plot_clones_in_image(dataset, ax=axes[1], legend=False)
        plot_transition_ratios(dataset, ax=axes[2])
        named = {}
        for ax in axes[:2]:
            named |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
        figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=3)
        letters(axes)
    return figure
