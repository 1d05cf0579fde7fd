"""Data collapse of the largest cluster and of the mean cluster size, site percolation on the square lattice.

Curves of several sizes fall on one when p - p_c is measured in L^{-1/nu} and heights in L^{-beta/nu} and L^{gamma/nu}
[@Newman2001; @Stauffer1994]. (a) The largest cluster unscaled; (b, c) collapsed, with the fitted
exponents next to the exact ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, ink, letters, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZES: dict[str, tuple[tuple[int, int], ...]] = {
    "small": ((16, 2000), (32, 1000), (64, 400)),
    "full": ((32, 20_000), (64, 8000), (128, 4000), (256, 1500)),
}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Sweeps and fits; variables `largest_*` and `mean_size_*`, each as `finite_size_scaling` returns them."""
    import xarray as xr

    from ..._support import checks as check
    from ...simulate.percolation import finite_size_scaling, sweep
    from ...theory.percolation import exponents, threshold

    sizes = SIZES[check.choice("scale", scale, SIZES)]
    sweeps = [sweep("square", "site", size, runs, seed, quantities=("largest", "mean_size")) for size, runs in sizes]
    critical, exact = threshold("square", "site").value, exponents(2)
    parts = []
    for quantity, kappa in (("largest", -exact.beta_over_nu.value), ("mean_size", exact.gamma_over_nu.value)):
        fit = finite_size_scaling(
            sweeps, quantity, guess=(critical, exact.one_over_nu.value, kappa), fixed=("threshold",), window=0.5
        )
        exponent = {"largest": -kappa, "mean_size": kappa}[quantity]
        parts.append(
            fit.assign(exact=exponent).rename({name: f"{quantity}_{name}" for name in [*fit.data_vars, "exact"]})
        )
    return xr.merge(parts, combine_attrs="override").assign_attrs(exact_one_over_nu=exact.one_over_nu.value)


QUANTITIES = {
    "largest": (r"\beta/\nu", r"$L^{\beta/\nu}\,S_\mathrm{max}/N$"),
    "mean_size": (r"\gamma/\nu", r"$L^{-\gamma/\nu}\,\sum s^2/N$"),
}


@panel("largest_p", "largest_y", "largest_kappa", "largest_threshold", "size", handlelength=1)
def plot_largest_cluster(ax: Axes, result: xr.Dataset) -> None:
    """The largest cluster per site against p, a line for each size of the lattice."""
    for i, shade in enumerate(shades(ax, result.sizes["size"])):
        one = result.isel(size=i)
        height = one.largest_y * float(one.size) ** float(result.largest_kappa)
        ax.plot(one.largest_p, height, color=shade, label=f"L = {int(one.size)}")
    ax.axvline(float(result.largest_threshold), color=ink(ax, "exact"), lw=0.6, ls=":")
    ax.set(xlabel="$p$", ylabel=r"$S_\mathrm{max}/N$")


@panel(
    *(f"{name}_{rest}" for name in QUANTITIES for rest in (
        "x", "y", "master", "kappa", "kappa_stderr", "one_over_nu", "one_over_nu_stderr", "exact"
    )),
    "exact_one_over_nu", "size", choice={"quantity": tuple(QUANTITIES)}, loc="lower right", handlelength=1,
)  # fmt: skip
def plot_collapse(ax: Axes, result: xr.Dataset, quantity: str) -> None:
    """Heights and distances from the threshold in powers of the size: all sizes on one curve, with fitted exponents."""
    for i, shade in enumerate(shades(ax, result.sizes["size"])):
        one = result.isel(size=i)
        look = {"ms": 3, "color": shade, "label": f"L = {int(one.size)}"}
        ax.plot(one[f"{quantity}_x"], one[f"{quantity}_y"], ".", **look)
    x, master = result[f"{quantity}_x"], result[f"{quantity}_master"]
    ax.plot(x.isel(size=-1), master.isel(size=-1), color=ink(ax, "exact"), lw=0.8, zorder=0)
    ax.text(0.04, 0.95, _exponents(result, quantity), transform=ax.transAxes, va="top", fontsize=7)
    ax.set(xlabel=r"$(p - p_c)\,L^{1/\nu}$", ylabel=QUANTITIES[quantity][1])


def _exponents(result: xr.Dataset, quantity: str) -> str:
    ratio, error = abs(float(result[f"{quantity}_kappa"])), float(result[f"{quantity}_kappa_stderr"])
    inverse = float(result[f"{quantity}_one_over_nu"]), float(result[f"{quantity}_one_over_nu_stderr"])
    exact = float(result[f"{quantity}_exact"])
    return (
        f"${QUANTITIES[quantity][0]} = {ratio:.4f} \\pm {error:.4f}$\n(exact {exact:.4f})\n"
        f"$1/\\nu = {inverse[0]:.3f} \\pm {inverse[1]:.3f}$\n(exact {result.attrs['exact_one_over_nu']:.2f})"
    )


def draw(dataset: xr.Dataset) -> Figure:
    """Three panels from the Dataset of `compute`."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.3))
        plot_largest_cluster(dataset, ax=axes[0])
        for ax, quantity in zip(axes[1:], QUANTITIES, strict=True):
            plot_collapse(dataset, ax=ax, quantity=quantity, legend=False)
        letters(axes)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """The fitted exponents next to the exact ones."""
    from ..._support.estimates import show

    values = {
        name: (float(dataset[name]), float(dataset[f"{name}_stderr"]))
        for quantity in ("largest", "mean_size")
        for name in (f"{quantity}_one_over_nu", f"{quantity}_kappa")
    }
    exact = {
        "largest_one_over_nu": 0.75,
        "largest_kappa": -5 / 48,
        "mean_size_one_over_nu": 0.75,
        "mean_size_kappa": 43 / 24,
    }
    pulls = {name: (value - exact[name]) / error for name, (value, error) in values.items()}
    worst = max(pulls, key=lambda name: abs(pulls[name]))
    sizes = ", ".join(f"{size:g}" for size in dataset.size.values)
    return Findings(
        "1/nu = 3/4, beta/nu = 5/48 = 0.1042, gamma/nu = 43/24 = 1.7917",
        f"L = {sizes}. Largest cluster: 1/nu = {show(*values['largest_one_over_nu'])}, beta/nu = "
        f"{show(-values['largest_kappa'][0], values['largest_kappa'][1])}; mean size: 1/nu = "
        f"{show(*values['mean_size_one_over_nu'])}, gamma/nu = {show(*values['mean_size_kappa'])}",
        f"the furthest from exact is {worst.replace('_', ' ')}, by {abs(pulls[worst]):.1f} standard errors; errors are "
        "statistical, corrections to scaling of these sizes come on top",
    )
