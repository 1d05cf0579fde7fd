"""How much of the flow-matching target can be learned? Only a finite training set makes its noise disappear.

The share E|u*|^2 / E|u|^2 of the target u = n - x0 that its best prediction has [@Bertrand2025], against the flow
time (0: the data). Marks: the empirical optimum of all digits, of 100 of them, and the optimum of a Gaussian per class
on its own samples, by the loss (filled) and by the energy of the velocity (open), which agree for an optimum. Line: the
Gaussian of the same mean and covariance, the null. Towards the data the optimum of a training set reaches 1, those with
a density do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._findings import Findings
from .._panel import panel
from .._style import COLUMN, ink, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWS = {"small": 1000, "full": 10000}
FLOW_TIMES = np.round(np.linspace(0.05, 0.95, 10), 2)
LOOK = {
    "all digits": ("empirical optimum, all digits", "empirical"),
    "100 digits": ("empirical optimum, 100 digits", "local"),
    "mixture": ("Gaussian per class", "mixture"),
}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`flow_target` over `(model, sigma)`."""
    import xarray as xr

    from ..._support import checks as check
    from ..._support.results import provenance
    from ..._support.streams import stream
    from ...compare.flow_matching import flow_target
    from ...learned.data import load
    from ...theory import EmpiricalDenoiser, MixtureDenoiser, NoiseLevel

    draws = DRAWS[check.choice("scale", scale, DRAWS)]
    digits = load("digits")
    images = digits.images.double()
    few = images[stream(seed, "few digits").permutation(len(images))[:100]]
    mixture = MixtureDenoiser.fit(images, digits.labels)
    models = {
        "all digits": (EmpiricalDenoiser(images), images),
        "100 digits": (EmpiricalDenoiser(few), few),
        "mixture": (mixture, mixture.sample(len(images), seed)),
    }
    sigmas = NoiseLevel.from_flow_time(FLOW_TIMES).sigma
    rows = [flow_target(d, data, sigmas, n_draws=draws, seed=seed) for d, data in models.values()]
    result = xr.concat(rows, dim=xr.Variable("model", list(models)), combine_attrs="override")
    assert isinstance(result, xr.Dataset)
    result.attrs = provenance(seed=seed) | {"scale": scale, "n": draws}
    return result


def findings(dataset: xr.Dataset) -> Findings:
    """The ratio near the data and in the middle, and how well loss and energy agree."""
    from ..._support.estimates import show

    def at(model: str, f: float) -> str:
        one = dataset.sel(model=model).isel(sigma=int(np.argmin(np.abs(FLOW_TIMES - f))))
        value, error = float(one.ratio), float(one.ratio_stderr)
        return show(value, error) if error > 1e-5 else f"{value:.4f}"

    z = (abs(dataset.gap) / dataset.gap_stderr.where(dataset.gap_stderr > 1e-6)).max()
    null = dataset.ratio_gaussian.sel(model="all digits")
    near, far = (
        f"at the flow time {FLOW_TIMES[k]:g}: all digits {at('all digits', FLOW_TIMES[k])}, 100 digits "
        f"{at('100 digits', FLOW_TIMES[k])}, Gaussian per class {at('mixture', FLOW_TIMES[k])}, Gaussian null "
        f"{float(null[k]):.3f}"
        for k in (1, 5)
    )
    return Findings(
        "1 - mmse / (f^2 (tr C + mu^2 + d)): 1 below the collapse of a training set, less where data have a density",
        f"{near}; {far}",
        f"loss and energy agree within {float(z):.1f} standard errors; that the target's noise is gone near the data "
        "belongs to the training set, not to the images behind it",
    )


@panel(
    "ratio", "ratio_stderr", "energy_ratio", "ratio_gaussian", "flow_time", "model", loc="lower right", size=0.75
)  # fmt: skip
def plot_learnable_share(ax: Axes, result: xr.Dataset) -> None:
    """Share of the flow-matching target that can be learned, by loss (filled) and by energy (open)."""
    for model, (label, theory) in LOOK.items():
        one, shade = result.sel(model=model), ink(ax, theory)
        ax.errorbar(one.flow_time, one.ratio, one.ratio_stderr, fmt="o-", ms=3.5, color=shade, label=label)
        ax.plot(one.flow_time, one.energy_ratio, "s", ms=5, color=shade, mfc="none", mew=0.7)
    null = result.sel(model="all digits")
    ax.plot(null.flow_time, null.ratio_gaussian, "--", color=ink(ax, "gaussian"), label="Gaussian null")
    ax.set(xlabel="flow time $f$ (0: data, 1: noise)", ylabel="learnable share of the target")
    ax.set_ylim(top=1.03)


def draw(dataset: xr.Dataset) -> Figure:
    """The ratio against the flow time."""
    from matplotlib import pyplot as plt

    with style():
        figure, ax = plt.subplots(figsize=(1.3 * COLUMN, COLUMN))
        plot_learnable_share(dataset, ax=ax)
    return figure
