"""What n images teach a network, and when it memorises them: digits and MNIST [@Bonnaire2025; @Kadkhodaie2024].

(a) Gap between the denoising errors on training and on held-out images, 1 - E_train / E_held-out, averaged over the
noise levels, against training steps per image, for perceptrons on n images of MNIST: curves that fall onto one
another mean a time in proportion to n. (b) The step at which the gap passes 10 % (filled) and at which 10 % of the
samples are copies (open), against n, on both data sets; dotted, in proportion to n, as for random features. Bars are
standard errors. Sizes without a point do not pass within the training. (c) Mean cosine of the samples that networks
of two disjoint sets of n images draw from the same noise (filled), of two networks of one set (open), and of Gaussian
optima of two sets, predicted from the spectrum (line).

The networks of the digits are those of `regime_map`. Those of MNIST are trained anew from the images that the
environment variable IDEALSCORE_IMAGES names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import Findings
from .._panel import in_a_row, panel
from .._style import PAGE, background, ink, shades

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVEL = 0.1


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Times, their laws and the gap over `(networks, n_train, step)`; nan where a size or step is of the other data."""
    import xarray as xr

    from ..._support.results import provenance
    from ..catalogue import saved
    from ..networks._mnist_runs import mnist_regimes

    larger = mnist_regimes(scale, seed)
    parts = [of_map(saved("regime_map"), "digits"), of_map(larger, "MNIST")]
    result = xr.concat(parts, dim="networks", data_vars="all", join="outer", combine_attrs="drop")
    assert isinstance(result, xr.Dataset)
    return result.assign_attrs(
        provenance(seed=seed) | {"scale": scale, "level": f"{LEVEL:g}", "plan": larger.attrs["plan"]}
    )


def of_map(result: xr.Dataset, data: str) -> xr.Dataset:
    """Both signs of memory of a regime map, over `networks`, one for each width."""
    import xarray as xr

    from ...compare.risk import memorisation_times
    from ...errors import EmptyDataError

    gap = memorisation_times(result, LEVEL, sign="gap").rename(curve="gap", curve_stderr="gap_stderr")
    try:
        copies = memorisation_times(result, LEVEL)
    except EmptyDataError:  # no network at any width copies
        copies = xr.full_like(gap, float("nan"))
    kept = [f"{name}{rest}" for name in ("time", "exponent") for rest in ("", "_stderr")]
    found = gap.merge(copies[[*kept, "spread"]].rename({name: f"copies_{name}" for name in [*kept, "spread"]}))
    last = result.isel(step=-1, drop=True)
    names = [f"cosine_{pair}{rest}" for pair in ("disjoint", "same") for rest in ("", "_stderr")]
    found = found.merge(last[[*names, "predicted_cosine", "overlap"]])
    names = [f"{data}, width {width}" for width in found.width.values]
    return found.rename(width="networks").assign_coords(networks=names).drop_attrs()


def findings(dataset: xr.Dataset) -> Findings:
    """The exponents of both signs, the spread of the times per image, and where networks agree as predicted."""
    import numpy as np

    from ..._support.estimates import shown

    def laws(name: str, spread: str) -> str:
        known = [one for one in _each(dataset) if np.isfinite(float(one[name]))]
        return "; ".join(f"{one.networks.item()}: {shown(one, name)} ({float(one[spread]):.2g})" for one in known)

    without = [one.networks.item() for one in _each(dataset) if not np.isfinite(one.copies_time).any()]
    last = _disjoint(dataset.isel(networks=-1))
    agreement = ", ".join(
        f"{shown(at, 'cosine_disjoint')} (predicted {float(at.predicted_cosine):.3f})"
        for at in (last.isel(n_train=0), last.isel(n_train=-1))
    )
    return Findings(
        "the time in which memory shows is proportional to n: exponent 1 (null, no dependence on n: 0)",
        f"exponent of n, and in brackets largest over smallest time per image, of the time at which the gap passes "
        f"{LEVEL:.0%}: {laws('exponent', 'spread')}; at which {LEVEL:.0%} of the samples are copies: "
        f"{laws('copies_exponent', 'copies_spread')}",
        f"no copies within the training: {', '.join(without) or 'nowhere'}; cosine of samples of two "
        f"networks of disjoint sets of MNIST at n = {int(last.n_train[0])} and {int(last.n_train[-1])}: {agreement}",
    )


def _disjoint(one: xr.Dataset) -> xr.Dataset:
    """Of one kind of network, the sizes that were trained and fit twice into the data."""
    return one.sel(n_train=[n for n in one.n_train.values if float(one.overlap.sel(n_train=n)) == 0])


def _each(dataset: xr.Dataset) -> list[xr.Dataset]:
    return [dataset.isel(networks=k) for k in range(dataset.sizes["networks"])]


@panel("gap", "gap_stderr", "step", "n_train", "networks", loc="upper left", size=0.75)
def plot_gap_per_image(ax: Axes, result: xr.Dataset) -> None:
    """The gap between the denoising errors against training steps per image, one curve for each size, last networks."""
    one = result.isel(networks=-1)
    seen = one.dropna("n_train", how="all", subset=["gap"])
    for k, shade in enumerate(shades(ax, seen.sizes["n_train"])):
        curve = seen.isel(n_train=k).dropna("step", subset=["gap"])
        ax.errorbar(
            curve.step / float(curve.n_train), curve.gap, curve.gap_stderr, color=shade, lw=1, marker="o", ms=2,
            elinewidth=0.6, label=f"n = {int(curve.n_train)}",
        )  # fmt: skip
    ax.axhline(LEVEL, color="0.5", lw=0.7, ls="--")
    ax.set(xscale="log", xlabel="training steps / n", ylabel="gap of denoising errors", title=one.networks.item())


@panel(
    "time", "time_stderr", "copies_time", "copies_time_stderr", "n_train", "networks", loc="lower right", size=0.7,
)  # fmt: skip
def plot_memory_times(ax: Axes, result: xr.Dataset) -> None:
    """The step at which each sign of memory passes its level against n, with a line in proportion to n."""
    sizes = result.n_train.values.astype(float)
    for one, shade in zip(_each(result), shades(ax, result.sizes["networks"]), strict=True):
        look = {"fmt": "o", "ms": 4, "color": shade, "elinewidth": 0.7}
        ax.errorbar(sizes, one.time, one.time_stderr, mfc=shade, label=one.networks.item(), **look)
        ax.errorbar(sizes, one.copies_time, one.copies_time_stderr, mfc=background(ax), **look)
    seen = sizes[result.time.notnull().any("networks").values]
    ax.plot(seen, float((result.time / result.n_train).median()) * seen, ":", color="0.5", label=r"$\propto n$")
    ax.set(xscale="log", yscale="log", xlabel="training images $n$", ylabel="step of 10 % gap (copies: open)")
    ax.set_xlim(right=20 * seen.max())  # room for the legend


@panel(
    "cosine_disjoint", "cosine_disjoint_stderr", "cosine_same", "cosine_same_stderr", "predicted_cosine", "overlap",
    "n_train", "networks", loc="lower right", size=0.75,
)  # fmt: skip
def plot_network_agreement(ax: Axes, result: xr.Dataset) -> None:
    """Cosine of the samples from one noise against n, of two sets and of one, with the prediction; last networks."""
    one = _disjoint(result.isel(networks=-1))
    point = ink(ax, "network")
    look = {"fmt": "o", "ms": 4, "color": point, "elinewidth": 0.7}
    ax.plot(one.n_train, one.predicted_cosine, color=ink(ax, "gaussian"), label="Gaussian optima, two sets")
    ax.errorbar(one.n_train, one.cosine_disjoint, one.cosine_disjoint_stderr, label="networks, two sets", **look)
    ax.errorbar(
        one.n_train, one.cosine_same, one.cosine_same_stderr, mfc=background(ax), label="networks, one set", **look
    )
    ax.set(xscale="log", ylim=(None, 1.02), xlabel="training images $n$", ylabel="cosine of samples")


def draw(dataset: xr.Dataset) -> Figure:
    """The gap per image on MNIST, the times against n, and the agreement of networks."""
    return in_a_row(dataset, (plot_gap_per_image, plot_memory_times, plot_network_agreement), 0.36 * PAGE)
