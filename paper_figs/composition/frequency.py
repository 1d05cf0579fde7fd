"""How many pictures of a rare class does a composition need? The frequency of concepts [@Okawa2023].

One training class, the only one with its colour or the only one with its shape, is shown in k pictures, the other
three in all of theirs. (a) Joint accuracy at the end of training against k: of the rare class itself, and of the
farthest class, which needs its concept, with the fit A / [1 + (k50 / k)^h]. No curve is drawn where
the accuracy is high without any picture. (b) Steps to an accuracy of 0.8 against k, arrows where some seed does not
reach it and the mean is a lower bound. Means and standard errors over three seeds, drawn side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._style import COLOURS, PAGE, panel_letter, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from ...compare.concepts._critical_samples import CriticalSamples
    from .._findings import Findings

RARE = {"010": "color", "100": "shape"}
PLAN: dict[str, dict[str, Any]] = {
    "small": {"kept": (0, 2, 4, 8, 16, 32, 128), "every": 100},
    "full": {"kept": (0, 4, 8, 16, 41, 83, 125, 166, 208, 229, 500, 1500), "every": 780},
}
SHADES = {"010": COLOURS["belief_propagation"], "100": "#882255"}


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


def draw(dataset: xr.Dataset) -> Figure:
    """Accuracy and steps against the number of pictures kept."""
    import numpy as np
    from matplotlib import pyplot as plt

    kept = dataset.kept.values.astype(float)
    shown = np.where(kept > 0, kept, kept[kept > 0].min() / 2)
    fine = np.geomspace(shown[0], kept.max(), 300)
    with style():
        figure, (accuracy, steps) = plt.subplots(1, 2, figsize=(PAGE, 2.6))
        for i, (rare, concept) in enumerate(RARE.items()):
            for j, (label, marker, line) in enumerate(((rare, "s", ":"), (_farthest(dataset), "o", "-"))):
                aside = 1.06 ** (2 * i + j - 1.5)
                mean, error = _final(dataset, rare, label)
                shade = SHADES[rare]
                text = f"{label}, {concept} rare"
                points = {"fmt": marker, "ms": 3.5, "capsize": 1.5, "mfc": "none" if marker == "s" else shade}
                accuracy.errorbar(shown * aside, mean, error, color=shade, **points)
                found = critical(dataset, rare, label)
                if found is not None:
                    curve = found.plateau / (1 + (found.value / fine) ** found.exponent)
                    accuracy.plot(fine, curve, line, color=shade, lw=1)
                _draw_steps(steps, dataset, rare, label, shown * aside, marker, line, shade, text)
        for ax in (accuracy, steps):
            ax.set_xscale("log")
            ax.set_xticks([shown[0], 10, 100], ["0", "10", "100"])
            ax.set_xlabel("pictures kept of the rare class")
        accuracy.set(ylabel="joint accuracy at the end", ylim=(-0.03, 1.05))
        steps.set(ylabel=f"steps to accuracy {THRESHOLD:g}", ylim=(0, 1.12 * float(dataset.step.max())))
        handles = steps.get_legend_handles_labels()
        figure.legend(*handles, loc="outside upper center", ncols=4)
        for ax, letter in zip((accuracy, steps), "ab", strict=True):
            panel_letter(ax, letter)
    return figure


THRESHOLD = 0.8


def _draw_steps(ax, dataset, rare, label, shown, marker, line, shade, text) -> None:
    import numpy as np

    from ..._support.estimates import mean_error
    from ...compare.concepts._crossing_time import crossing_time

    joint = dataset.joint.sel({"rare": rare, "class": label}).transpose("seed", "kept", "step")
    times = crossing_time(dataset.step.values, joint.values, THRESHOLD)
    late = np.isnan(times).any(0)
    mean, error = mean_error(np.where(np.isnan(times), float(dataset.step.max()), times))
    fill = "none" if marker == "s" else shade
    style_ = {"color": shade, "mfc": fill, "ms": 3.5, "lw": 1, "capsize": 1.5}
    ax.errorbar(shown[~late], mean[~late], error[~late], fmt=marker, **style_)
    ax.plot(shown[late], mean[late], "^", color=shade, mfc=fill, ms=4)
    ax.plot(shown, mean, line, color=shade, lw=1)
    ax.plot([], [], marker + line, color=shade, mfc=fill, ms=3.5, lw=1, label=text)


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
