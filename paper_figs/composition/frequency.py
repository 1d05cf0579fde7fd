"""How many pictures of a rare class does a composition need? The frequency of concepts [@Okawa2023].

One training class, the only one with its colour or the only one with its shape, is shown in k pictures, the other
three in all of theirs. (a) Joint accuracy at the end of training against k: of the rare class itself, and of the
farthest class, which needs its concept, with the fit A / [1 + (k50 / k)^h]. No curve is drawn where
the accuracy is high without any picture. (b) Steps to an accuracy of 0.8 against k, arrows where some seed does not
reach it and the mean is a lower bound. Means and standard errors over three seeds, drawn side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .._panel import panel
from .._style import PAGE, ink, letters, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...compare.concepts._critical_samples import CriticalSamples
    from .._findings import Findings

RARE = {"010": "color", "100": "shape"}
PLAN: dict[str, dict[str, Any]] = {
    "small": {"kept": (0, 2, 4, 8, 16, 32, 128), "every": 100},
    "full": {"kept": (0, 4, 8, 16, 41, 83, 125, 166, 208, 229, 500, 1500), "every": 780},
}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Curves over (rare, kept, seed, class, step)."""
    import xarray as xr

    from ..._support import checks as check
    from ._runs import frequency

    options = PLAN[check.choice("scale", scale, PLAN)]
    found = [frequency(scale, seed, rare, **options) for rare in RARE]
    joined = xr.concat(found, dim=xr.Variable("rare", list(RARE)), combine_attrs="override")
    del joined.attrs["rare"]
    return joined


def critical(dataset: xr.Dataset, rare: str, label: str) -> CriticalSamples | None:
    """The critical number of pictures of `rare` for the class `label`, or None where no threshold is seen."""
    from ...compare.concepts._critical_samples import critical_samples
    from ...errors import EstimateError

    mean, _ = _final(dataset, rare, label)
    try:
        return critical_samples(dataset.kept.values, mean)
    except EstimateError:
        return None


def _final(dataset: xr.Dataset, rare: str, label: str):
    from ..._support.estimates import mean_error

    last = dataset.joint.sel({"rare": rare, "class": label}).isel(step=-1)
    return mean_error(last.transpose("seed", "kept").values)


def _farthest(dataset: xr.Dataset) -> str:
    return str(dataset["class"].values[int(dataset.distance.values.argmax())])


THRESHOLD = 0.8
SHADES = {"010": "belief_propagation", "100": "finite-sample"}
_TOLD = ("joint", "step", "kept", "rare", "class", "distance")


def _lines(ax: Axes, result: xr.Dataset) -> Iterator[tuple[str, str, Any, dict[str, Any], str]]:
    """(rare class, class shown, places, look of the points, style of the line) of each curve."""
    kept = _places(result)
    for i, rare in enumerate(RARE):
        for j, (label, marker, line) in enumerate(((rare, "s", ":"), (_farthest(result), "o", "-"))):
            shade = ink(ax, SHADES[rare])
            look = {"color": shade, "mfc": "none" if marker == "s" else shade, "marker": marker, "ms": 3.5}
            yield rare, label, kept * 1.06 ** (2 * i + j - 1.5), look, line


def _places(result: xr.Dataset) -> Any:
    """The numbers of pictures on a logarithmic axis, where none at all lies at half of the least."""
    import numpy as np

    kept = result.kept.values.astype(float)
    return np.where(kept > 0, kept, kept[kept > 0].min() / 2)


def _axis_of_pictures(ax: Axes, result: xr.Dataset) -> None:
    ax.set_xscale("log")
    ax.set_xticks([_places(result)[0], 10, 100], ["0", "10", "100"])
    ax.set_xlabel("pictures kept of the rare class")


@panel(*_TOLD)
def plot_accuracy_by_frequency(ax: Axes, result: xr.Dataset) -> None:
    """Joint accuracy at the end of training against the number of pictures of a rare class, with the fitted curve."""
    import numpy as np

    shown = _places(result)
    fine = np.geomspace(shown[0], shown.max(), 300)
    for rare, label, places, look, line in _lines(ax, result):
        mean, error = _final(result, rare, label)
        ax.errorbar(places, mean, error, ls="none", capsize=1.5, label=f"{label}, {RARE[rare]} rare", **look)
        found = critical(result, rare, label)
        if found is not None:
            curve = found.plateau / (1 + (found.value / fine) ** found.exponent)
            ax.plot(fine, curve, line, color=look["color"], lw=1)
    _axis_of_pictures(ax, result)
    ax.set(ylabel="joint accuracy at the end", ylim=(-0.03, 1.05))


@panel(*_TOLD)
def plot_steps_by_frequency(ax: Axes, result: xr.Dataset) -> None:
    """Steps to accuracy 0.8 against the number of pictures of a rare class; arrows are lower bounds."""
    import numpy as np

    from ..._support.estimates import mean_error
    from ...compare.concepts._crossing_time import crossing_time

    for rare, label, places, look, line in _lines(ax, result):
        joint = result.joint.sel({"rare": rare, "class": label}).transpose("seed", "kept", "step")
        times = crossing_time(result.step.values, joint.values, THRESHOLD)
        late = np.isnan(times).any(0)
        mean, error = mean_error(np.where(np.isnan(times), float(result.step.max()), times))
        ax.errorbar(places[~late], mean[~late], error[~late], ls="none", lw=1, capsize=1.5, **look)
        ax.plot(places[late], mean[late], ls="none", **{**look, "marker": "^", "ms": 4})
        ax.plot(places, mean, line, color=look["color"], lw=1)
        ax.plot([], [], line, lw=1, label=f"{label}, {RARE[rare]} rare", **look)
    _axis_of_pictures(ax, result)
    ax.set(ylabel=f"steps to accuracy {THRESHOLD:g}", ylim=(0, 1.12 * float(result.step.max())))


def draw(dataset: xr.Dataset) -> Figure:
    """Accuracy and steps against the number of pictures kept."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 2, figsize=(PAGE, 2.6))
        plot_accuracy_by_frequency(dataset, ax=axes[0], legend=False)
        plot_steps_by_frequency(dataset, ax=axes[1], legend=False)
        figure.legend(*axes[1].get_legend_handles_labels(), loc="outside upper center", ncols=4)
        letters(axes)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """Critical numbers for the rare class and for the composition, or the accuracy without any picture."""
    from .._findings import Findings

    far, told, without = _farthest(dataset), [], []
    for rare, concept in RARE.items():
        for label in (rare, far):
            found = critical(dataset, rare, label)
            if found is None:
                without.append(f"{label} with {concept} rare: {_final(dataset, rare, label)[0][0]:.2f}")
            else:
                told.append(f"{label} with {concept} rare: {found}")
    return Findings(
        "no closed form: a composition is to need more pictures than its rare class, above a critical number",
        f"half of the plateau: {'; '.join(told) or 'nowhere'}",
        f"no critical number, accuracy without any picture: {'; '.join(without)}" if without else "none",
    )
