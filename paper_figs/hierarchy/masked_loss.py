"""The class transition in the loss of a masked model: belief propagation next to a trained network.

(a) Loss per hidden symbol against the share of hidden symbols [@Austin2021]: the exact posterior on trees of three
depths (lines), and a network trained on masked strings of the shallowest (points) next to belief propagation on the
same strings (crosses); open, the null, a posterior that knows the rules of the two lowest levels alone. The area is
the entropy per symbol. (b) The slope of the exact loss; dashed, the null, strings of independent pieces of four
symbols made by the same rules; points, the network's, by central differences. (c) What the exact posterior does not
know of the class, over what there is to know. Dotted: the critical share of an infinitely deep tree by density
evolution [@Sclocchi2025].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import in_a_row, panel
from .._style import PAGE, background, ink, shades

if TYPE_CHECKING:
    import torch
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..._support.types import Array

PLAN: dict[str, dict[str, Any]] = {
    "small": {"depths": (4, 6, 8), "steps": 600, "batch": 512, "strings": 65536, "n": 64, "test": 1024, "error": 0.03},
    "full": {
        "depths": (4, 7, 10),
        "steps": 8000,
        "batch": 4096,
        "strings": 10**6,
        "n": 256,
        "test": 16384,
        "error": 0.01,
    },
}
V, M, S, WIDTH = 8, 3, 2, 64
PIECE = 2  # levels that the null knows
SHARES = tuple(round(0.05 * k, 2) for k in range(1, 21))


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`loss`, `slope` and `class_entropy` over (depth, masked), of the null `null_slope`; over masked the losses
    `network`, `exact` and `null` on the same strings, with the excess of network and null over the exact one."""
    import numpy as np
    import xarray as xr

    from ..._support import checks as check
    from ..._support.estimates import mean_error
    from ..._support.results import provenance
    from ...simulate.hierarchy import exact_predictor, sample
    from ...theory.grammar import Grammar
    from ...theory.hierarchy.mean_field import HierarchyTheory
    from ...theory.masked_diffusion import entropy_profile, exit_curve
    from ._runs import Recipe

    plan = PLAN[check.choice("scale", scale, PLAN)]
    depths = plan["depths"]
    result = xr.Dataset(coords={"depth": list(depths), "masked": list(SHARES)})
    curves = {name: np.zeros((len(depths), len(SHARES))) for name in ("loss", "loss_stderr", "slope")}
    unknown = np.zeros((2, len(depths), len(SHARES)))
    areas = np.zeros((3, len(depths)))
    for k, depth in enumerate(depths):
        grammar = Recipe(V, M, S, depth, WIDTH, plan["steps"]).grammar(seed)
        profile = entropy_profile(grammar, method="propagation", n=4 * plan["n"], points=32, seed=seed)
        curve = exit_curve(profile, SHARES)
        for name, found in curves.items():
            found[k] = curve[name].values
        areas[:, k] = (
            profile.entropy / grammar.leaves,
            profile.entropy_stderr / grammar.leaves,
            grammar.entropy / grammar.leaves,
        )
        for j, share in enumerate(SHARES):
            unknown[:, k, j] = mean_error(_class_entropies(grammar, share, 4 * plan["n"], seed))
    for name, found in curves.items():
        result[name] = ("depth", "masked"), found
    for name, found in zip(("class_entropy", "class_entropy_stderr"), unknown, strict=True):
        result[name] = ("depth", "masked"), found
    for name, found in zip(("area", "area_stderr", "entropy"), areas, strict=True):
        result[name] = "depth", found
    recipe = Recipe(V, M, S, depths[0], WIDTH, plan["steps"], batch=plan["batch"])
    grammar = recipe.grammar(seed)
    network: Any = recipe.train(plan["strings"], seed, "masking").network
    strings = sample(grammar, plan["test"], seed + 1)[0]
    piece = Grammar(grammar.rules[-PIECE:], V)
    result["null_slope"] = "masked", exit_curve(entropy_profile(piece), SHARES).slope.values
    pieces = exact_predictor(piece, "masking")

    def null(observed: Array, noise: float) -> torch.Tensor:
        return pieces(observed.reshape(-1, piece.leaves), noise).reshape(*observed.shape, V)

    predictors = {
        "network": network.predictor("masking"),
        "exact": exact_predictor(grammar, "masking"),
        "null": null,
    }
    measured: dict[str, Array] = {}
    for name, predict in predictors.items():
        measured[name] = np.stack([_losses(predict, strings, share, seed) for share in SHARES])
    for name in ("network", "null"):
        measured[f"{name}_excess"] = measured[name] - measured["exact"]
    for name, each in measured.items():
        mean, error = mean_error(each, axis=1)
        result[name], result[f"{name}_stderr"] = ("masked", mean), ("masked", error)
    critical = HierarchyTheory(V, M, S).critical_noise("masking", relative_error=plan["error"], seed=seed)
    result["critical"], result["critical_stderr"] = critical.value, critical.stderr
    trained = {"scale": scale, "n_train": plan["strings"], "steps": plan["steps"], "n_test": plan["test"]}
    return result.assign_attrs(provenance(seed=seed) | trained | {"grammar": f"v = {V}, m = {M}, s = {S}"})


def _masks(shape: tuple[int, ...], share: float, seed: int) -> Any:
    """Symbols hidden with probability `share`, the same for all callers; nested for growing shares."""
    from ..._support.streams import stream

    return stream(seed, "masks of the loss").random(shape) < share


def _losses(predict: Any, strings: Any, share: float, seed: int) -> Any:
    """`(n,)`: loss on the hidden symbols of each string over their mean number, whose mean is h(share)."""
    import numpy as np

    hidden = _masks(strings.shape, share, seed)
    probabilities = predict(np.where(hidden, -1, strings), share).double().numpy()
    truth = np.take_along_axis(probabilities, strings[..., None], -1)[..., 0]
    return (-np.log(truth.clip(1e-300)) * hidden).sum(1) / (share * strings.shape[1])


def _class_entropies(grammar: Any, share: float, n: int, seed: int) -> Any:
    """`(n,)`: entropy of the exact posterior of the class, over that of the class."""
    import numpy as np
    import torch

    from ...simulate.hierarchy import sample
    from ...theory.belief_propagation import BeliefPropagation, masking

    strings = sample(grammar, n, seed + 2)[0]
    observed = np.where(_masks(strings.shape, share, seed), -1, strings)
    root = BeliefPropagation(grammar).marginals(masking.log_likelihood(observed, grammar.v), log=True)[-1][:, 0]
    return (torch.special.entr(root).sum(-1) / np.log(grammar.n_classes)).numpy()


def findings(dataset: xr.Dataset) -> Findings:
    """Where the slope peaks, the areas, and how far the network is from the exact loss."""
    import numpy as np

    from ..._support.estimates import show, shown

    shares = dataset.masked.values
    peaks = ", ".join(f"{shares[int(np.argmax(one))]:g}" for one in dataset.slope.values)
    areas = ", ".join(
        f"{show(float(one.area), float(one.area_stderr))} (entropy {float(one.entropy):.4f})"
        for one in (dataset.isel(depth=k) for k in range(dataset.sizes["depth"]))
    )
    excess = {name: _largest(dataset, f"{name}_excess") for name in ("network", "null")}
    at = int(np.argmax(dataset.network_excess.values))
    null = dataset.null_slope.values
    depths = ", ".join(map(str, dataset.depth.values))
    where, slope, error = _slope(dataset, "network")
    steepest = int(np.argmax(slope))
    return Findings(
        f"the class is lost at a masked share of {shown(dataset, 'critical')} of an infinitely deep tree; the area "
        "under the loss is the entropy per symbol",
        f"slope of the exact loss largest at {peaks} (depths {depths}), that of the null, which has no class, at "
        f"{shares[int(np.argmax(null))]:g}; areas {areas}; the network's loss exceeds the exact one by at most "
        f"{excess['network']} nats, at {shares[at]:g} (one network, {dataset.attrs['n_train']} strings), that of "
        f"the null by at most {excess['null']}",
        f"in shallow trees the slope peaks below the critical share of the infinite one; the slope of the network's "
        f"loss is largest at {where[steepest]:g} ({show(slope[steepest], error[steepest])}), and its excess is large "
        "where the upper levels are still known: this network has not learned all of them",
    )


def _largest(dataset: xr.Dataset, name: str) -> str:
    from ..._support.estimates import show

    at = int(dataset[name].values.argmax())
    return show(float(dataset[name][at]), float(dataset[f"{name}_stderr"][at]))


def _slope(dataset: xr.Dataset, name: str) -> tuple[Array, Array, Array]:
    """(shares, slope, error) by central differences of a measured loss; errors as if its values were independent, which
    is more than they err, because strings and masks are shared."""
    import numpy as np

    shares, loss, error = (dataset[key].values for key in ("masked", name, f"{name}_stderr"))
    step = shares[2:] - shares[:-2]
    return shares[1:-1], (loss[2:] - loss[:-2]) / step, np.hypot(error[2:], error[:-2]) / step


@panel(
    *(f"{name}{rest}" for name in ("loss", "network", "null", "critical") for rest in ("", "_stderr")), "exact",
    "masked", "depth", loc="lower right", size=0.75,
)  # fmt: skip
def plot_masked_loss(ax: Axes, result: xr.Dataset) -> None:
    """Loss per hidden symbol against the masked share: exact at several depths, a network, and its null."""
    for one, shade in _by_depth(ax, result):
        ax.plot(one.masked, one.loss, color=shade, label=f"exact, depth {int(one.depth)}")
        low, high = one.loss - one.loss_stderr, one.loss + one.loss_stderr
        ax.fill_between(one.masked, low, high, color=shade, alpha=0.2, linewidth=0)
    look = {"fmt": "o", "ms": 3, "color": ink(ax, "empirical"), "elinewidth": 0.7}
    label = f"network, depth {int(result.depth[0])}"
    ax.errorbar(result.masked, result.network, result.network_stderr, label=label, **look)
    ax.plot(result.masked, result.exact, "x", ms=4, color=ink(ax, "exact"), label="exact, same strings")
    null = {**look, "mfc": background(ax), "label": "null: two levels"}
    ax.errorbar(result.masked, result.null, result.null_stderr, **null)
    _critical(ax, result, "loss per hidden symbol (nats)")


@panel(
    "slope", "null_slope", "network", "network_stderr", "critical", "critical_stderr", "masked", "depth",
    loc="lower left", size=0.75,
)  # fmt: skip
def plot_masked_slope(ax: Axes, result: xr.Dataset) -> None:
    """Slope of the masked loss against the masked share: exact, of a network, and of strings without a class."""
    for one, shade in _by_depth(ax, result):
        ax.plot(one.masked, one.slope, color=shade)
    ax.plot(result.masked, result.null_slope, "--", color=ink(ax, "exact"), label="null: no class")
    look = {"fmt": "o", "ms": 3, "color": ink(ax, "empirical"), "elinewidth": 0.7}
    ax.errorbar(*_slope(result, "network"), label=f"network, depth {int(result.depth[0])}", **look)
    _critical(ax, result, "slope of the loss")


@panel("class_entropy", "class_entropy_stderr", "critical", "critical_stderr", "masked", "depth", loc="upper left")
def plot_class_unknown(ax: Axes, result: xr.Dataset) -> None:
    """What the exact posterior does not know of the class against the masked share, a line for each depth."""
    for one, shade in _by_depth(ax, result):
        look = {"color": shade, "elinewidth": 0.7, "label": f"depth {int(one.depth)}"}
        ax.errorbar(one.masked, one.class_entropy, one.class_entropy_stderr, **look)
    _critical(ax, result, "unknown of the class")


def _by_depth(ax: Axes, result: xr.Dataset) -> list[tuple[xr.Dataset, Any]]:
    return [(result.isel(depth=k), shade) for k, shade in enumerate(shades(ax, result.sizes["depth"]))]


def _critical(ax: Axes, result: xr.Dataset, label: str) -> None:
    """The labels of the axes, and the critical share with its error."""
    value, stderr, shade = float(result.critical), float(result.critical_stderr), ink(ax, "empirical")
    ax.axvline(value, color=shade, linestyle=":", linewidth=1)
    ax.axvspan(value - stderr, value + stderr, color=shade, alpha=0.15, linewidth=0)
    ax.set(xlabel="masked share", ylabel=label, xlim=(0, 1), ylim=(0, None))


def draw(dataset: xr.Dataset) -> Figure:
    """Loss, its slope and the class, one colour per depth."""
    return in_a_row(dataset, (plot_masked_loss, plot_masked_slope, plot_class_unknown), 0.36 * PAGE)
