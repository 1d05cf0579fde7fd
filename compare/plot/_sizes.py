"""Quantities against the training-set size, the axes of regime maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.style import ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_STYLES = (":", "--", "-")


def last(result: xr.Dataset, dim: str) -> xr.Dataset:
    """The last place along `dim`: the largest width, the last step; a result without the dimension is there already."""
    return result.isel({dim: -1}) if dim in result.dims else result


def middle_level(result: xr.Dataset) -> float:
    """The measured level nearest to the spread of the data, which is what the optima miss at the largest noise."""
    spread = float(result.optimum_denoising_error.isel(sigma=-1, theory=0, inputs=0, n_train=-1)) ** 0.5
    return float(result.sigma[int(abs(np.log(result.sigma.values / spread)).argmin())])


def level_or_middle(result: xr.Dataset, sigma: float | None) -> float:
    """The noise level that was asked for, or the middle one."""
    return middle_level(result) if sigma is None else check.positive_sigma("sigma", sigma)


def edges(values: np.ndarray) -> np.ndarray:
    """Borders of cells around values on a logarithmic axis."""
    logs = np.log(values.astype(float))
    if len(logs) == 1:
        return np.exp([logs[0] - 0.5, logs[0] + 0.5])
    inner = (logs[1:] + logs[:-1]) / 2
    return np.exp(np.concatenate([[2 * logs[0] - inner[0]], inner, [2 * logs[-1] - inner[-1]]]))


def ticks(ax: Axes, sizes: np.ndarray) -> None:
    """A few of the sizes as ticks, so that labels do not collide."""
    chosen = sizes[:: -(-len(sizes) // 4)]
    ax.set_xticks(chosen, [str(size) for size in chosen])
    ax.minorticks_off()


def step_ticks(ax: Axes, steps: np.ndarray) -> None:
    """The first, the middle and the last measured step as ticks of a logarithmic axis."""
    chosen = steps[np.unique([0, len(steps) // 2, len(steps) - 1])]
    ax.set_xticks(chosen, [str(step) for step in chosen])
    ax.minorticks_off()


def curve(ax: Axes, part: xr.Dataset, name: str, theory: str, label: str, **line: Any) -> None:
    """A quantity against the training-set size with its standard error, in the colour of a theory."""
    shade = ink(ax, theory)
    ax.errorbar(part.n_train, part[name], part[f"{name}_stderr"], color=shade, label=label, capsize=1.5, **line)


def width_lines(ax: Axes, result: xr.Dataset, name: str) -> None:
    """A quantity of the network against the size, a line for each width."""
    widths = np.atleast_1d(result.width.values)
    for k, width in enumerate(widths):
        line = WIDTH_STYLES[k % 3] if len(widths) > 1 else "-"
        part = result.sel(width=width) if "width" in result.dims else result
        curve(ax, part, name, "network", f"width {width}", ls=line, marker="o", ms=2)


def overlapping(ax: Axes, result: xr.Dataset) -> None:
    """Shade the sizes for which two disjoint sets do not fit into the data."""
    if bool((result.overlap > 0).any()):
        n = result.n_train.values[result.overlap.values > 0][0]
        before = result.n_train.values[result.overlap.values == 0][-1:]
        start = (n * before[0]) ** 0.5 if len(before) else n / 1.5
        ax.axvspan(start, float(result.n_train[-1]) * 1.2, color=ink(ax, "exact"), alpha=0.15, lw=0)
