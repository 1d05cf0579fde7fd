"""Same noise, same sample, beyond plain generation: with a class, with a measurement, after fine-tuning.

Pairs of networks trained on disjoint halves of the digits [@Zhang2024]: unconditional; conditioned on the class;
completing an image of which the upper half is known, and sharpening a blurred one, by a guided denoiser [@Boys2024];
and fine-tuned from one network on disjoint small sets of digits that it had not seen, next to networks trained on the
same small sets from scratch. Next to each: the same pair with other noise under the same condition (a condition alone
makes samples alike), unrelated draws, and what two empirical optima of the same images would do, given a measurement
by Bayes' rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, ink, letters, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    from ..._support.types import ArrayLike, Sigma

GRID = (18, 0.01, 40.0)
NOISE, BLUR = 0.1, 1.0  # of the measurements: standard deviation, and width in pixels
PLAN: dict[str, dict[str, int]] = {
    "small": {"n": 120, "few": 80, "tuning_steps": 600},
    "medium": {"n": 60, "few": 80, "tuning_steps": 600},
    "full": {"n": 4000, "few": 80, "tuning_steps": 4800},
}


@dataclass(frozen=True)
class Case:
    """Two networks that have seen disjoint images, two empirical optima of those, and what to compare by."""

    networks: tuple[Any, Any]
    optima: tuple[Any, Any]
    features: Any = None


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`rp` and `cosine` with both nulls over `(case, kind)`."""
    import xarray as xr

    from ..._support import checks as check
    from ..._support.results import provenance
    from ...compare.measures.controlled_noise import controlled_reproducibility
    from ...theory.noise import karras_sigmas
    from .._digit_networks import kept, part

    plan = PLAN[check.choice("scale", scale, PLAN)]
    everything = part("all", seed, scale)
    mean, grid = everything.images.mean(0), [*karras_sigmas(*GRID), 0.0]
    rows = []
    for name, case in _cases(plan, scale, seed).items():
        kinds = []
        for kind, (one, other) in (("network", case.networks), ("empirical", case.optima)):
            measured = partial(
                controlled_reproducibility, {"one": one, "other": other}, everything.shape, plan["n"],
                features=case.features or (lambda x: x - mean), centre=mean, sigmas=grid, seed=seed,
            )  # fmt: skip
            found = kept(f"extensions-{name}-{kind}-seed{seed}", everything, scale, plan, measured)
            kinds.append(found.sel(model="one", other="other", drop=True).expand_dims(kind=[kind]))
        rows.append(xr.concat(kinds, dim="kind", combine_attrs="override").expand_dims(case=[name]))
    result = xr.concat(rows, dim="case", combine_attrs="override")
    assert isinstance(result, xr.Dataset)
    result.attrs |= provenance(seed=seed) | {"scale": scale, "data": everything.name}
    return result


def _cases(plan: dict[str, int], scale: str, seed: int) -> dict[str, Case]:
    import torch

    from ...simulate.inverse_problems import EmpiricalPosterior, GuidedDenoiser, blurring, inpainting, measure
    from ...theory.denoiser import with_condition
    from ...theory.empirical.optimum import EmpiricalDenoiser
    from .._digit_networks import network, part, split

    halves = [part(name, seed, scale) for name in "AB"]
    networks = [network("mlp", name, seed, scale, seed) for name in "AB"]
    empirical = [EmpiricalDenoiser(half.images.double()) for half in halves]
    cases = {"unconditional": Case(_two(networks), _two(empirical))}

    labels = torch.arange(plan["n"]) % halves[0].n_classes
    conditional = [with_condition(_conditional(half, scale, seed), labels) for half in "AB"]
    by_class = [with_condition(_ByClass(half), labels) for half in halves]
    cases["given the class"] = Case(_two(conditional), _two(by_class))

    _, held_out = split(seed, scale)
    truth = held_out.images[torch.arange(plan["n"]) % len(held_out)]
    known = torch.zeros(held_out.shape, dtype=torch.bool)
    known[:, : held_out.shape[1] // 2] = True
    mean = part("all", seed, scale).images.mean(0)
    for name, operator, features in (
        ("inpainting: hidden half", inpainting(known), lambda x: (x - mean)[:, ~known]),
        ("deblurring", blurring(BLUR), None),
    ):
        y = measure(operator, truth, NOISE, seed)
        guided = [GuidedDenoiser(d, operator, y, NOISE, tolerance=1e-3) for d in networks]
        ideal = [EmpiricalPosterior(half.images, operator, y, NOISE) for half in halves]
        cases[name] = Case(_two(guided), _two(ideal), features)
    return cases | _tuning(plan, scale, seed)


def _two(pair: list[Any]) -> tuple[Any, Any]:
    return pair[0], pair[1]


def _conditional(half: str, scale: str, seed: int) -> Any:
    """The conditional twin of the recipe "mlp"."""
    from .._digit_networks import part, trained

    data = part(half, seed, scale)
    return trained("mlp", data, seed, scale, f"{half}-data{seed}-by-class", n_classes=data.n_classes)


class _ByClass:
    """The empirical optimum of each class."""

    def __init__(self, data: Any) -> None:
        from ...theory.empirical.optimum import EmpiricalDenoiser

        self.optima = [EmpiricalDenoiser(data.images[data.labels == k].double()) for k in range(data.n_classes)]

    def __call__(self, x: Tensor, sigma: Sigma, condition: ArrayLike) -> Tensor:
        import torch

        found, levels = torch.empty_like(x), torch.as_tensor(sigma, dtype=x.dtype).expand(len(x))
        labels = torch.as_tensor(condition)
        for k, optimum in enumerate(self.optima):
            rows = labels == k
            if bool(rows.any()):
                found[rows] = optimum(x[rows], levels[rows])
        return found


def _tuning(plan: dict[str, int], scale: str, seed: int) -> dict[str, Case]:
    """Few images of the upper half of the classes (digits 5 ... 9), learned on top of the others and from scratch."""
    import torch

    from ...theory.empirical.optimum import EmpiricalDenoiser
    from .._digit_networks import part, trained

    everything, steps = part("all", seed, scale), plan["tuning_steps"]
    labels, known = torch.as_tensor(everything.labels), everything.n_classes // 2
    old, new = (
        everything.take(rows.nonzero()[:, 0].numpy(), name)
        for rows, name in ((labels < known, "old classes"), (labels >= known, "new classes"))
    )
    small = [half.subset(plan["few"], seed) for half in new.halves(seed)]
    like: dict[str, Any] = {"sigma_data": everything.sigma_data}
    base = trained("mlp", old, seed, scale, "old-classes", **like)
    tuned, scratch = (
        [trained("mlp", data, seed, scale, f"{name}-{k}", start, steps, **like) for k, data in enumerate(small)]
        for name, start in (("tuned", base), ("scratch", None))
    )
    optima = _two([EmpiricalDenoiser(data.images.double()) for data in small])
    few = plan["few"]
    return {f"fine-tuned on {few}": Case(_two(tuned), optima), f"scratch on {few}": Case(_two(scratch), optima)}


def findings(dataset: xr.Dataset) -> Findings:
    """Each case with its null."""
    from ..._support.estimates import show

    def value(case: str, kind: str = "network", name: str = "cosine") -> str:
        one = dataset.sel(case=case, kind=kind)
        return show(float(one[name]), float(one[f"{name}_stderr"]))

    networks = dataset.sel(kind="network")
    told = "; ".join(
        f"{case} {value(case)} (other noise {value(case, name='cosine_other_noise')})" for case in dataset.case.values
    )
    tuned, scratch = (value(case) for case in dataset.case.values[-2:])
    last = networks.isel(case=slice(-2, None))
    gain, error = float(last.cosine[0] - last.cosine[1]), float((last.cosine_stderr**2).sum() ** 0.5)
    told_apart = "fine-tuning adds nothing" if gain < 2 * error else "fine-tuning adds agreement"
    most = str(dataset.case.values[int(networks.cosine_other_noise.argmax("case"))])
    return Findings(
        "the same noise gives the same sample for conditional networks, in inverse problems and after fine-tuning",
        f"mean cosine of networks of disjoint images, {dataset.attrs['n']} draws: {told}",
        f"{told_apart}: {tuned} after fine-tuning and {scratch} from scratch on the same few images; with other noise "
        f"samples are the most alike in {most}, where the empirical optima agree by {value(most, 'empirical')}, with "
        f"other noise by {value(most, 'empirical', 'cosine_other_noise')}",
    )


_LOOKS = (
    ("network", "", "o", "network", "networks of disjoint images"),
    ("network", "_other_noise", "D", "gaussian", "same condition, other noise"),
    ("network", "_chance", "x", "exact", "nothing in common"),
    ("empirical", "", "s", "empirical", "empirical optima of the same images"),
)
_WORDS = {"rp": "share with cosine above 0.6", "cosine": "mean cosine"}


@panel(
    *(f"{measure}{part}{rest}" for measure in _WORDS for part in ("", "_other_noise", "_chance") for rest in (
        "", "_stderr"
    )), "case", "kind", choice={"measure": tuple(_WORDS)}, size=0.75,
)  # fmt: skip
def plot_agreement_by_case(ax: Axes, result: xr.Dataset, measure: str) -> dict[str, Any]:
    """Agreement of samples of two networks from the same noise, case by case, next to optima and two nulls."""
    names = result.case.values.tolist()
    for k, (kind, part, marker, theory, label) in enumerate(_LOOKS):
        one, rows = result.sel(kind=kind), [row + 0.13 * (k - 1.5) for row in range(len(names))]
        look = {"fmt": marker, "ms": 4, "color": ink(ax, theory), "label": label}
        ax.errorbar(one[f"{measure}{part}"], rows, xerr=one[f"{measure}{part}_stderr"], **look)
    for row in range(len(names) - 1):
        ax.axhline(row + 0.5, color=ink(ax, "exact"), alpha=0.3, linewidth=0.5)
    ax.set(xlim=(-0.2 if measure == "cosine" else -0.03, 1.03), ylim=(len(names) - 0.5, -0.5))
    ax.set(xlabel=_WORDS[measure], ylabel="samples", yticks=range(len(names)), yticklabels=names)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    ax.tick_params(axis="y", length=0)
    return {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0)}


def draw(dataset: xr.Dataset) -> Figure:
    """One line per case: networks, empirical optima, and the two nulls of the networks."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 2, figsize=(PAGE, 0.4 * PAGE), sharey=True)
        for ax, measure in zip(axes, _WORDS, strict=True):
            plot_agreement_by_case(dataset, ax=ax, measure=measure, legend=False).set_ylabel("")
        axes[1].tick_params(axis="y", labelleft=False)
        letters(axes)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure
