"""What all plots share: whose axes they are, the axis of noise levels, and the check that a result is of their kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ...errors import ArgumentError
from ...theory.noise import DiscreteSchedule, NoiseLevel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

HELD_OUT, TRAINING = "held-out", "training"
STEPS = (1, 10, 100, 300, 600, 900)
COMPARISON = "compare, or of one_model"
LEFT_BY_LAYOUT = 0.7


def own_or_new(ax: Axes | None) -> Axes:
    """The user's axes, or those of a new figure; the settings are the user's in both cases."""
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes as Kind

    if ax is None:
        return plt.subplots(layout="constrained")[1]
    if not isinstance(ax, Kind):
        raise ArgumentError("ax", f"is a {type(ax).__name__}", "pass axes of matplotlib, or leave it out")
    return ax


def kind(result: object, function: str, needed: Sequence[str], of: str, dims: Sequence[str] = ()) -> xr.Dataset:
    """`result` if it is a Dataset of one network that holds what `function` draws."""
    remedy = f"{function} needs a result of {of}"
    if not isinstance(result, xr.Dataset):
        raise ArgumentError("result", f"is a {type(result).__name__}, not an xarray.Dataset", remedy)
    if "model" in result.dims and "model" not in dims:
        problem = f"holds {result.sizes['model']} networks"
        raise ArgumentError("result", problem, "pick one: compare.one_model(result, NAME)")
    missing = [name for name in needed if name not in result]
    if missing:
        raise ArgumentError("result", f"holds no {', '.join(missing)}", remedy)
    lost = [dim for dim in dims if dim not in result.dims]
    if lost:
        raise ArgumentError("result", f"has no dimension {', '.join(lost)}", remedy)
    return result


def small(share: float = 0.75) -> float:
    """The size of notes inside a plot, as a share of the user's `font.size`."""
    import matplotlib as mpl

    return share * float(mpl.rcParams["font.size"])


def points(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes in points, or what a layout that still makes room for labels leaves of them."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    share = 1.0 if figure.get_layout_engine() is None else LEFT_BY_LAYOUT
    return share * ax.bbox.width * 72 / figure.dpi, share * ax.bbox.height * 72 / figure.dpi


def room(ax: Axes, *, below: float = 0.0, above: float = 0.0) -> None:
    """Leave so many points free of curves at the bottom and at the top, if y scales itself."""
    if not ax.has_data() or not ax.get_autoscaley_on():
        return
    scale, height = ax.yaxis.get_transform(), points(ax)[1]
    low, high = scale.transform(np.array(ax.get_ylim()))
    per_point = (high - low) / max(height - below - above, height / 3)
    low, high = low - below * per_point, high + above * per_point
    _, share = ax.margins() or (0.0, 0.0)
    margin = share / (1 + 2 * share) * (high - low)
    corners = scale.inverted().transform(np.array([low + margin, high - margin]))
    ax.update_datalim([(ax.get_xlim()[0], y) for y in corners], updatex=False)
    ax.autoscale_view(scalex=False)


def noise_axis(ax: Axes, sigmas: np.ndarray, steps: bool = True) -> None:
    """A logarithmic axis of noise levels, with the steps of the linear DDPM schedule above it where there is room."""
    from matplotlib.axes._secondary_axes import SecondaryAxis

    ax.set_xscale("log")
    ax.set_xlabel(r"noise level $\sigma$")
    if not steps or any(isinstance(child, SecondaryAxis) for child in ax.child_axes):
        return
    schedule = DiscreteSchedule.linear(1000, 1e-4, 0.02)
    levels = {step: float(NoiseLevel.from_step(step, schedule).sigma) for step in STEPS}
    shown = {step: sigma for step, sigma in levels.items() if sigmas.min() < sigma < sigmas.max()}
    above = ax.secondary_xaxis("top")
    above.set_xticks(list(shown.values()), [str(step) for step in shown])
    above.minorticks_off()
    above.set_xlabel("DDPM step (linear, 1000)")


def plain_ticks(ax: Axes) -> None:
    """1, 2 and 5 as ticks where a logarithmic axis spans less than two powers of ten, unless it has ticks of its own.

    What matplotlib writes there, one number or 2 x 10^-1, 3 x 10^-1, ... over each other, tells no level.
    """
    from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator, NullLocator

    for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        own = not isinstance(axis.get_major_formatter(), LogFormatterSciNotation)
        if axis.get_scale() != "log" or own or max(limits) >= 100 * min(limits):
            continue
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())


def key(ax: Axes, *, below: bool = False, **look: Any) -> None:
    """A legend that covers nothing that is drawn: in a free corner, or else (or on demand) in few rows below."""
    from matplotlib.transforms import ScaledTranslation

    figure = ax.get_figure(root=True)
    assert figure is not None
    look = {"fontsize": small(), **look}
    legend = ax.legend(**look)
    figure.draw_without_rendering()
    cell, labels = ax.get_tightbbox(), ax.xaxis.get_tightbbox()
    if cell is None or labels is None or not (below or covered(ax, legend.get_window_extent())):
        return
    aside, down = (cell.x0 + cell.x1 - ax.bbox.x0 - ax.bbox.x1) / 2, labels.y0 - ax.bbox.y0
    place = ax.transAxes + ScaledTranslation(aside / figure.dpi, down / figure.dpi, figure.dpi_scale_trans)
    look |= {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "bbox_transform": place}
    look |= {"handlelength": 1.5, "columnspacing": 1.0}
    entries = len(legend.get_texts())
    for rows in range(1, entries + 1):
        if ax.legend(**look, ncols=-(-entries // rows)).get_window_extent().width <= cell.width:
            break
    figure.draw_without_rendering()


def covered(ax: Axes, box: Bbox) -> bool:
    """Whether a curve, a band, cells or marks of `ax` lie in `box`, which is in pixels."""
    from matplotlib.collections import QuadMesh

    lines = [(line.get_path(), line.get_transform()) for line in ax.get_lines()]
    bands = [(path, band.get_transform()) for band in ax.collections for path in band.get_paths()]
    cells = any(isinstance(one, QuadMesh) for one in ax.collections) and box.overlaps(ax.bbox)
    drawn = [path.transformed(at) for path, at in [*lines, *bands] if np.size(path.vertices)]
    return cells or any(path.intersects_bbox(box, filled=False) for path in drawn)
