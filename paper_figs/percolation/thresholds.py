"""Measured thresholds against the literature: how many standard errors apart, lattice by lattice.

(a) Measured against literature; (b) standard errors apart, with the values. Two dimensions: the p at which the wrapping
probability has its exact critical value. Three: the crossing of two sizes. Sources: [@Sykes1964; @Suding1999;
@Jacobsen2014; @Jacobsen2015; @Xu2014; @Xun2021; @Mertens2012].
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

CASES: dict[int, tuple[tuple[str, str], ...]] = {
    2: (
        ("square", "site"),
        ("square", "bond"),
        ("triangular", "site"),
        ("triangular", "bond"),
        ("honeycomb", "site"),
        ("honeycomb", "bond"),
        ("kagome", "site"),
        ("kagome", "bond"),
        ("three-twelve", "site"),
        ("three-twelve", "bond"),
        ("four-eight", "site"),
        ("four-eight", "bond"),
        ("square8", "site"),
        ("square12", "site"),
        ("square36", "site"),
        ("disks", "continuum"),
    ),
    3: (("cubic", "site"), ("cubic", "bond"), ("bcc", "site"), ("fcc", "site"), ("diamond", "bond")),
}
PLAN: dict[str, dict[int, tuple[tuple[int, int], ...]]] = {
    "small": {2: ((24, 400),), 3: ((6, 600), (12, 300))},
    "full": {2: ((64, 4000), (128, 1500)), 3: ((12, 6000), (24, 2500), (40, 800))},
}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Over `case`: `measured`, its error (statistical and finite-size in quadrature), `literature` and its error."""
    import numpy as np
    import xarray as xr

    from ..._support import checks as check
    from ..._support.results import provenance
    from ...simulate.percolation import disks, estimate_threshold, sweep
    from ...theory.percolation import threshold

    plan = PLAN[check.choice("scale", scale, PLAN)]
    rows, names = [], []
    for dimension, cases in CASES.items():
        for lattice, kind in cases:
            if lattice == "disks":
                sweeps = [disks(size // 2, runs, seed, quantities=("wrapping",)) for size, runs in plan[dimension]]
            else:
                sweeps = [
                    sweep(lattice, kind, size, runs, seed, quantities=("wrapping",)) for size, runs in plan[dimension]
                ]
            estimate, known = estimate_threshold(sweeps), threshold(lattice, kind)
            rows.append((estimate.value, np.hypot(estimate.stderr, estimate.systematic), known.value, known.stderr))
            names.append(f"{lattice} {kind}" if kind != "continuum" else f"{lattice} ($\\eta_c$)")
    columns = ("measured", "measured_stderr", "literature", "literature_stderr")
    data = {name: (("case",), column) for name, column in zip(columns, np.array(rows).T, strict=True)}
    return xr.Dataset(data, {"case": names}, provenance(seed=seed))


@panel("measured", "literature")
def plot_thresholds(ax: Axes, result: xr.Dataset) -> None:
    """Measured thresholds against those of the literature."""
    high = 1.05 * float(max(result.measured.max(), result.literature.max()))
    ax.plot([0, high], [0, high], color=ink(ax, "exact"), lw=0.8)
    ax.plot(result.literature, result.measured, "o", ms=3.5, color=ink(ax, "network"))
    ax.set(xlabel="literature", ylabel="measured", xlim=(0, high), ylim=(0, high))


@panel("measured", "measured_stderr", "literature", "literature_stderr", "case")
def plot_pulls(ax: Axes, result: xr.Dataset) -> None:
    """How many standard errors measured thresholds lie from the literature, lattice by lattice, with the values."""
    import numpy as np

    pull = (result.measured - result.literature) / np.hypot(result.measured_stderr, result.literature_stderr)
    row = np.arange(result.sizes["case"])[::-1]
    for width, alpha in ((2, 0.12), (1, 0.2)):
        ax.axvspan(-width, width, color=ink(ax, "exact"), alpha=alpha, lw=0)
    ax.axvline(0, color=ink(ax, "exact"), lw=0.8)
    ax.errorbar(pull, row, xerr=1, fmt="o", ms=3.5, lw=0.8, color=ink(ax, "network"))
    ax.set_yticks(row, [str(case) for case in result.case.values], fontsize=6.5)
    for y, value, stderr in zip(row, result.measured.values, result.measured_stderr.values, strict=True):
        ax.text(1.02, y, f"{value:.5f} ± {stderr:.0e}", va="center", fontsize=6, transform=ax.get_yaxis_transform())
    ax.set(xlabel="(measured - literature) / standard error", ylabel="lattice", xlim=(-4, 4))


def draw(dataset: xr.Dataset) -> Figure:
    """Left: measured against literature; right: the pull of every case."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 2, figsize=(PAGE, 3.4), width_ratios=(1, 1.4))
        plot_thresholds(dataset, ax=axes[0])
        plot_pulls(dataset, ax=axes[1])
        letters(axes)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """How far measured thresholds are from the literature, in standard errors."""
    import numpy as np

    pull = (dataset.measured - dataset.literature) / np.hypot(dataset.measured_stderr, dataset.literature_stderr)
    worst = int(abs(pull).values.argmax())
    return Findings(
        f"{pull.size} thresholds of the literature, exact or to 1e-4 and better",
        f"root mean square deviation of {float((pull**2).mean()) ** 0.5:.2f} standard errors; the median error of a "
        f"measured threshold is {float(dataset.measured_stderr.median()):.1e}",
        f"the furthest is {dataset.case.values[worst]}, {float(pull[worst]):+.1f} standard errors",
    )
