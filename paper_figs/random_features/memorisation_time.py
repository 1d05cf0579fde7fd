"""When does training memorise? Random features under gradient flow, for three numbers of data.

Random features learn to denoise Gaussian data of unit covariance, by gradient flow solved exactly [@Bonnaire2025].
(a) Test less training loss over training time, for n = 2, 4 and 8 data per dimension, d = 40 (lines; bands, standard
errors over models); shaded, the time in which the theory expects memorising: that of the bulk of small eigenvalues, by
the full resolvent. Dashed, the null, the same features on data that are noised once each: nothing to memorise. (b) Time
at which half of the gap is there (filled) in the predicted interval (bars), and the time of the least test loss (open),
which hardly depends on n; dotted, proportional to n, as for many features and data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, background, ink, letters, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLAN: dict[str, dict[str, Any]] = {
    "small": {"d": 40, "draws": 20000, "repeats": 4},
    "full": {"d": 100, "draws": 200000, "repeats": 20},
}
PSI_N = (2, 4, 8)
PSI_P = 16
OU_TIME = 0.1
TIMES = (1.0, 1e6, 61)  # first, last, number


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`gap` and `null_gap` over `(psi_n, tau)`, `half_gap_time` and `best_test_time` over `psi_n`, with the predicted
    `begin` and `end` of memorising and `generalised`, the time by which all data's directions are learned."""
    import numpy as np
    import xarray as xr

    from ..._support import checks as check
    from ..._support.estimates import estimates, mean_error
    from ..._support.progress import bar
    from ..._support.results import provenance
    from ...simulate.random_features import gradient_flow
    from ...theory.noise import NoiseLevel
    from ...theory.random_features import feature_constants, generalisation_time, memorisation_time

    plan = PLAN[check.choice("scale", scale, PLAN)]
    spectrum, noise = np.ones(plan["d"]), NoiseLevel.from_ou_time(OU_TIME)
    constants = feature_constants(noise)
    rows = []
    for psi in bar(PSI_N, label="gradient flow"):
        flow = gradient_flow(
            psi * plan["d"], PSI_P * plan["d"], np.geomspace(*TIMES), spectrum=spectrum, noise=noise,
            draws=plan["draws"], repeats=plan["repeats"], seed=seed,
        )  # fmt: skip
        row = flow[["gap", "gap_stderr", "null_gap", "null_gap_stderr"]]
        half, best = (mean_error(flow[name].values) for name in ("half_gap_time", "best_test_time"))
        row = row.assign(estimates((), half_gap_time=half, best_test_time=best))
        predicted = memorisation_time(constants, psi, PSI_P, spectrum=spectrum)
        row["begin"], row["end"] = predicted.begin.value, predicted.end.value
        rows.append(row.expand_dims(psi_n=[psi]))
    result = xr.concat(rows, dim="psi_n", combine_attrs="drop")
    assert isinstance(result, xr.Dataset)
    result["generalised"] = generalisation_time(constants, spectrum, PSI_P).end.value
    described = {"scale": scale, "d": plan["d"], "psi_p": PSI_P, "draws": plan["draws"], "models": plan["repeats"]}
    return result.assign_attrs(provenance(seed=seed) | described | {"sigma": float(noise.sigma)})


def findings(dataset: xr.Dataset) -> Findings:
    """Whether half of the gap lies in the predicted interval, how it grows with n, and the largest null."""
    from ..._support.estimates import show, shown

    each = [dataset.isel(psi_n=k) for k in range(dataset.sizes["psi_n"])]
    intervals = ", ".join(f"{float(one.begin):.0f} to {float(one.end):.0f} (n = {int(one.psi_n)} d)" for one in each)
    halves = ", ".join(shown(one, "half_gap_time") for one in each)
    growth = float(each[-1].half_gap_time / each[0].half_gap_time)
    last = dataset.isel(tau=-1)
    null = int(abs(last.null_gap.values).argmax())
    gap, of_null = (show(float(last[name][null]), float(last[f"{name}_stderr"][null])) for name in ("gap", "null_gap"))
    inside = sum(bool(one.begin < one.half_gap_time < one.end) for one in each)
    return Findings(
        f"memorising takes from {intervals}; all that the data share is learned by {float(dataset.generalised):.0f}",
        f"half of the gap is there at {halves}, inside of the interval for {inside} of {len(each)}; the test loss is "
        f"least at {', '.join(shown(one, 'best_test_time') for one in each)}; the last gap is {gap}, "
        f"that of the null {of_null}",
        f"from n = {int(each[0].psi_n)} d to {int(each[-1].psi_n)} d the time grows by {growth:.2f}, not by "
        f"{float(each[-1].psi_n / each[0].psi_n):g} as in the limit of many features and data",
    )


@panel("gap", "gap_stderr", "null_gap", "begin", "end", "tau", "psi_n", "d", loc="upper left", size=0.75)
def plot_gap_over_time(ax: Axes, result: xr.Dataset) -> None:
    """Test less training loss over training time, with the time of memorising that theory expects, and the null."""
    d, psi = result.attrs["d"], result.psi_n.values
    for k, shade in enumerate(shades(ax, len(psi))):
        one = result.isel(psi_n=k)
        ax.axvspan(float(one.begin), float(one.end), color=shade, alpha=0.12, linewidth=0)
        ax.plot(one.tau, one.gap, color=shade, label=f"n = {psi[k] * d}")
        ax.fill_between(
            one.tau, one.gap - one.gap_stderr, one.gap + one.gap_stderr, color=shade, alpha=0.3, linewidth=0
        )
        ax.plot(one.tau, one.null_gap, "--", color=shade, label="null" if k == len(psi) - 1 else None)
    ax.set(xscale="log", xlabel=r"training time $\tau$", ylabel="test less training loss")


@panel(
    *(f"{name}{rest}" for name in ("half_gap_time", "best_test_time") for rest in ("", "_stderr")), "begin", "end",
    "psi_n", loc="center right", size=0.75,
)  # fmt: skip
def plot_memorisation_times(ax: Axes, result: xr.Dataset) -> None:
    """The time of half of the gap in its predicted interval, and that of the least test loss, against the data."""
    psi, point = result.psi_n.values, ink(ax, "empirical")
    for k, shade in enumerate(shades(ax, len(psi))):
        one = result.isel(psi_n=k)
        ax.plot([psi[k]] * 2, [one.begin, one.end], color=shade, lw=6, alpha=0.3, solid_capstyle="butt")
    for name, face, label in (
        ("half_gap_time", point, "half of the gap"),
        ("best_test_time", background(ax), "least test loss"),
    ):
        look = {"fmt": "o", "ms": 4, "color": point, "mfc": face, "elinewidth": 0.7, "label": label}
        ax.errorbar(psi, result[name], result[f"{name}_stderr"], **look)
    proportional = float(result.half_gap_time[0]) * psi / psi[0]
    ax.plot(psi, proportional, ":", color=ink(ax, "exact"), label=r"$\propto n$")
    ax.set(xscale="log", yscale="log", xlabel="data per dimension $n/d$", ylabel=r"time $\tau$")
    ax.minorticks_off()
    ax.set_xticks(psi, [str(value) for value in psi])
    ax.margins(x=0.15)


def draw(dataset: xr.Dataset) -> Figure:
    """The gap over training time with its predicted interval, and the times against n."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 2, figsize=(PAGE, 0.38 * PAGE), width_ratios=(1.5, 1))
        plot_gap_over_time(dataset, ax=axes[0])
        plot_memorisation_times(dataset, ax=axes[1])
        letters(axes)
    return figure
