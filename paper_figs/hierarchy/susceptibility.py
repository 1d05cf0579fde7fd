r"""Volume of correlated change chi, and the decay of correlations, for three kinds of noise [@Sclocchi2025b].

(a-c) chi of the forward-backward experiment against noise, by exact posterior samples (points, standard errors over
grammars) and in mean field for the epsilon device (line); vertical lines are the critical noises of an infinitely
deep tree, shaded by their standard error. (d-f) C(k)/C(0) of leaves whose branches meet at level k, near the
largest chi.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, ink, letters, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCALES = {"small": ((16, 4, 2, 6), 4, 8, 24, 9, 0.05), "full": ((32, 8, 2, 9), 8, 16, 64, 17, 0.01)}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`chi` over (channel, point) and `correlation` over (channel, point, level), each with `_stderr`; `noise` over
    (channel, point), epsilon, mask fraction or sigma; `critical` and its error per channel."""
    import numpy as np
    import xarray as xr

    from ..._support import checks as check
    from ..._support.results import provenance
    from ..._support.streams import stream_seed
    from ...simulate.hierarchy import forward_backward
    from ...theory.grammar import Grammar
    from ...theory.hierarchy.mean_field import HierarchyTheory

    case, n_grammars, n_data, n_trajectories, points, error = SCALES[check.choice("scale", scale, SCALES)]
    theory, parts = HierarchyTheory(*case[:3]), []
    for channel in CHANNELS:
        options = {} if channel == "epsilon" else {"relative_error": error, "seed": seed}
        critical = theory.critical_noise(channel, **options)
        assert critical.value is not None
        center, spread = critical.value, critical.stderr
        if channel == "gaussian":  # from SNR to sigma
            spread, center = spread / (2 * center**1.5), center**-0.5
        noises = center * np.linspace(0.5, min(1.6, 1 / center if channel != "gaussian" else 1.6), points)
        runs: list[xr.Dataset] = []
        for draw_ in range(n_grammars):
            inner = stream_seed(seed, "susceptibility", draw_)
            grammar = Grammar.random(*case, seed=inner)
            runs.append(
                forward_backward(
                    grammar, channel, noises, n_data=n_data, n_trajectories=n_trajectories, seed=inner
                ).drop_vars("noise")
            )
        every = xr.concat(runs, "grammar")[["chi", "correlation"]].rename({"noise": "point"})
        one = every.mean("grammar")
        errors = every.std("grammar", ddof=1) / n_grammars**0.5
        one = one.merge(errors.rename({name: f"{name}_stderr" for name in errors}))
        parts.append(one.assign(noise=("point", noises), critical=center, critical_stderr=spread))
    grid, critical = np.linspace(0.3, 1, 141), theory.critical_epsilon
    assert critical is not None  # the case has a transition
    return (
        xr.concat(parts, "channel")
        .assign_coords(channel=list(CHANNELS), epsilon=grid)
        .assign(mean_field=("epsilon", theory.susceptibility(case[3], grid)))
        .assign(mean_field_correlation=("level", theory.correlations(case[3], critical)))
        .assign_attrs(
            provenance(seed=seed) | {"case": str(case), "decay_exponent": theory.decay_exponent, "s": case[2]}
        )
    )


CHANNELS = {"epsilon": r"$\epsilon$", "masking": "mask fraction", "gaussian": r"$\sigma$"}


@panel(
    "chi", "chi_stderr", "noise", "critical", "critical_stderr", "mean_field", "epsilon", "channel",
    choice={"channel": tuple(CHANNELS)}, loc="upper left",
)  # fmt: skip
def plot_susceptibility(ax: Axes, result: xr.Dataset, channel: str) -> None:
    """The volume of correlated change against the noise, exact and, for the epsilon device, in mean field."""
    one, shade = result.sel(channel=channel), ink(ax, "exact")
    center, spread = float(one.critical), float(one.critical_stderr)
    ax.axvspan(center - spread, center + spread, color=shade, alpha=0.3, lw=0)
    ax.axvline(center, color=shade, ls="--", lw=0.8, ymax=0.75, label="infinite depth")
    look = {"fmt": "o", "ms": 3, "color": ink(ax, "belief_propagation"), "label": "exact posterior"}
    ax.errorbar(one.noise, one.chi, one.chi_stderr, **look)
    if channel == "epsilon":
        ax.plot(result.epsilon, result.mean_field, color=ink(ax, "mean_field"), label="mean field")
    ax.set(xlabel=f"noise: {CHANNELS[channel]}", ylabel=r"$\chi$", title=channel)
    ax.set_ylim(0.9, 1.45 * float(result.chi.max()))  # room for the legend


@panel(
    "correlation", "correlation_stderr", "chi", "noise", "mean_field_correlation", "decay_exponent", "s", "level",
    "channel", choice={"channel": tuple(CHANNELS)}, loc="lower left",
)  # fmt: skip
def plot_decay_of_correlations(ax: Axes, result: xr.Dataset, channel: str) -> None:
    """Correlations of leaves against the level where their branches meet, near the largest susceptibility."""
    one = result.sel(channel=channel)
    peak = one.isel(point=int(one.chi.values.argmax()))
    ratio, error = peak.correlation / peak.correlation[0], peak.correlation_stderr / peak.correlation[0]
    label = f"{CHANNELS[channel]} = {float(peak.noise):.3f}"
    ax.errorbar(one.level, ratio, error, fmt="o", ms=3, color=ink(ax, "belief_propagation"), label=label)
    field = result.mean_field_correlation / result.mean_field_correlation[0]
    if channel == "epsilon":
        ax.plot(result.level, field, color=ink(ax, "mean_field"), label=r"mean field, $\epsilon_*$")
    a = float(result.decay_exponent)
    decay = field[1] * float(result.s) ** (-a * (result.level[1:] - 1))
    ax.plot(result.level[1:], decay, ":", color=ink(ax, "exact"), label=rf"$r^{{-a}}$, $a$ = {a:.2f}")
    ax.set(xlabel="level $k$ of meeting", ylabel="$C(k)/C(0)$", yscale="log")


def draw(dataset: xr.Dataset) -> Figure:
    """Two rows of three panels from the Dataset of `compute`."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(2, len(CHANNELS), figsize=(PAGE, 4.2), sharey="row")
        for (top, bottom), channel in zip(axes.T, CHANNELS, strict=True):
            plot_susceptibility(dataset, ax=top, channel=channel, legend=channel == "epsilon")
            plot_decay_of_correlations(dataset, ax=bottom, channel=channel)
            if channel != "epsilon":
                top.set_ylabel("")
                bottom.set_ylabel("")
        letters(axes.flat)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """Where chi is largest, next to the critical noise of each channel."""
    from ..._support.estimates import show

    peaks, apart = [], []
    for channel in dataset.channel.values:
        one = dataset.sel(channel=channel)
        k = int(one.chi.values.argmax())
        critical = float(one.critical)
        peaks.append(
            f"{channel}: chi = {show(float(one.chi[k]), float(one.chi_stderr[k]))} at {float(one.noise[k]):.3g} "
            f"(critical noise {show(critical, float(one.critical_stderr))})"
        )
        apart.append(f"{channel} {float(one.noise[k]) / critical - 1:+.0%}")
    return Findings(
        "chi peaks at the critical noise and grows with depth; correlations decay as a power, exponent "
        f"{float(dataset.attrs['decay_exponent']):.3f}, at the transition only",
        "; ".join(peaks),
        f"the grid's largest chi lies off the critical noise of the infinite tree by {', '.join(apart)}: finite depth "
        "and the spacing of the grid",
    )
