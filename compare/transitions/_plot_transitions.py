"""All transitions of a data set and of its nulls on one noise axis, in every clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, overload

import numpy as np

from ..._support import checks as check
from ..._support.style import background, ink, literal, style
from ...theory.noise import DiscreteSchedule, NoiseLevel
from ..plot._axes import kind, own_or_new, small

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOK = {
    "data": ("data", "o", "network"),
    "gaussian": ("Gaussian, same spectrum", "^", "gaussian"),
    "phases": ("random phases", "s", "empirical"),
    "labels": ("shuffled labels", "D", "mixture"),
    "pixels": ("shuffled pixels", "v", "local"),
}
SIGMAS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
TICKS: dict[str, tuple[float, ...]] = {
    "log SNR": (6, 4, 2, 1, 0, -1, -2, -3, -4, -6),
    "OU time": (0.01, 0.1, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4),
    "alpha bar": (0.999, 0.99, 0.9, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.01, 0.001),
    "flow time": (0.05, 0.1, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
    "DDPM step": (10, 30, 100, 200, 300, 400, 500, 600, 800),
}


@overload
def plot_transitions(table: xr.Dataset, schedule: DiscreteSchedule | None = None, *, ax: None = None) -> Figure: ...
@overload
def plot_transitions(table: xr.Dataset, schedule: DiscreteSchedule | None = None, *, ax: Axes) -> Axes: ...
def plot_transitions(
    table: xr.Dataset, schedule: DiscreteSchedule | None = None, *, ax: Axes | None = None
) -> Figure | Axes:
    """Draw the transitions of `null_transitions` on one axis of noise.

    Parameters
    ----------
    table : xarray.Dataset
        As of `null_transitions`.
    schedule : DiscreteSchedule, optional
        Of the clock "DDPM step" (default: linear, 1000 steps from 1e-4 to 0.02).
    ax : matplotlib.axes.Axes, optional
        Where to draw, with the settings that are in force; five inches are room enough. By default in a new figure,
        in the looks of the figures.

    Returns
    -------
    matplotlib.figure.Figure or matplotlib.axes.Axes
        The new figure, or the given axes. A line for each transition, a mark with its error for the data and for each
        null; "none" at the right where a source has no such transition. Below, the axis of sigma; above, those of log
        SNR, OU time, alpha bar, flow time and DDPM step.

    Raises
    ------
    ArgumentError
        If the result is of another kind.

    Examples
    --------
    >>> from idealscore.compare import null_transitions
    >>> table = null_transitions([[-4.0, 1.0], [-3.0, -1.0], [4.0, 1.0], [3.0, -0.5]], n_modes=1, n_draws=0)
    >>> len(plot_transitions(table).axes)
    6
    """
    import matplotlib.pyplot as plt

    with check.speaking_of("table"):
        kind(
            table, "plot_transitions", ("place", "place_stderr"), "null_transitions", ("transition", "source", "clock")
        )
    if schedule is not None:
        check.instance("schedule", schedule, DiscreteSchedule)
    if ax is not None:
        _draw(own_or_new(ax), table, schedule)
        ax.legend(fontsize=small(), loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3)
        return ax
    with style(**{"figure.constrained_layout.use": True}):
        figure, own = plt.subplots(figsize=(7.2, 1.9 + 0.3 * table.sizes["transition"]))
        _draw(own, table, schedule)
        figure.legend(loc="outside lower center", ncols=table.sizes["source"])
    return figure


def _draw(ax: Axes, table: xr.Dataset, schedule: DiscreteSchedule | None) -> None:
    rows, sources = table.transition.values.tolist(), table.source.values.tolist()
    place = table.sel(clock="sigma")
    for k, source in enumerate(sources):
        label, marker, theory = LOOK[source]
        shade = ink(ax, theory)
        one, height = place.sel(source=source), np.arange(len(rows)) + 0.16 * (k - (len(sources) - 1) / 2)
        ax.errorbar(
            one.place, height, xerr=one.place_stderr, fmt=marker, ms=3.5, color=shade,
            mfc=shade if source == "data" else background(ax), elinewidth=0.8, label=label,
        )  # fmt: skip
    ax.set(xscale="log", xlabel=r"noise level $\sigma$", ylim=(len(rows) - 0.5, -0.5))
    found = place.place.values[np.isfinite(place.place.values)]
    ax.set_xlim(0.7 * found.min(), 2.5 * found.max())
    ax.minorticks_off()
    shown = [sigma for sigma in SIGMAS if ax.get_xlim()[0] <= sigma <= ax.get_xlim()[1]]
    ax.set_xticks(shown, [f"{sigma:g}" for sigma in shown])
    ax.set_yticks(range(len(rows)), [literal(name) for name in rows])
    ax.grid(axis="y", linewidth=0.3)
    missing = place.place.isnull()
    for j, name in enumerate(rows):
        absent = [source for source in sources if bool(missing.sel(source=source, transition=name))]
        if absent:
            ax.annotate(
                f"none: {', '.join(absent)}", (0.99, j), xycoords=("axes fraction", "data"), ha="right", va="center",
                fontsize=small(), bbox={"facecolor": background(ax), "edgecolor": "none", "pad": 0.5},
            )  # fmt: skip
    for level, (clock, ticks) in enumerate(_clocks(schedule).items()):
        _clock_axis(ax, clock, ticks, level)


def _clocks(schedule: DiscreteSchedule | None) -> dict[str, dict[str, float]]:
    """For each clock the sigma of each of its ticks."""
    chosen = schedule or DiscreteSchedule.linear(1000, 1e-4, 0.02)
    makers: dict[str, Callable[[float], NoiseLevel]] = {
        "log SNR": NoiseLevel.from_log_snr,
        "OU time": NoiseLevel.from_ou_time,
        "alpha bar": NoiseLevel.from_alpha_bar,
        "flow time": NoiseLevel.from_flow_time,
        "DDPM step": lambda step: NoiseLevel.from_step(step, chosen),
    }
    last = chosen.n + 1
    return {
        clock: {f"{t:g}": float(makers[clock](t).sigma) for t in ticks if clock != "DDPM step" or t < last}
        for clock, ticks in TICKS.items()
    }


def _clock_axis(ax: Axes, clock: str, ticks: dict[str, float], level: int) -> None:
    """One more axis of noise above the others."""
    low, high = ax.get_xlim()
    top = ax.twiny()
    shown = {text: sigma for text, sigma in ticks.items() if low <= sigma <= high}
    top.set(xscale="log", xlim=(low, high))
    top.set_xticks(list(shown.values()), list(shown))
    top.minorticks_off()
    top.spines["top"].set_visible(True)
    top.spines["top"].set_position(("outward", 20 * level))
    top.tick_params(axis="x", pad=1, length=2)
    top.annotate(
        clock, (0, 1), xycoords="axes fraction", xytext=(-6, 20 * level), textcoords="offset points",
        ha="right", va="center", fontsize=small(0.875),
    )  # fmt: skip
