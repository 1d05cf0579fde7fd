"""Which models make the same image from the same noise? Pairs of architectures, starts, data and theories.

Reproducibility score (share of draws whose samples have a cosine above 0.6, [@Zhang2024]) and mean cosine of every
pair; lower left: for draws that have nothing in common, the chance level of the same two models. Two disjoint halves
of the data tell generalisation (networks agree) from memorisation (empirical optima of the halves do not).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, SEQUENTIAL, letters, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GRID = (18, 0.01, 40.0)
PLAN: dict[str, int] = {"small": 200, "medium": 200, "full": 5000}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`rp`, `cosine` and their chance levels over `(model, other)`."""
    from ..._support import checks as check
    from ..._support.results import provenance
    from ...compare.comparison._optima import optima
    from ...compare.measures._paired_samples import paired_samples
    from ...compare.measures._reproducibility import pairwise_reproducibility
    from ...theory.noise import karras_sigmas
    from .._digit_networks import network, part

    n = PLAN[check.choice("scale", scale, PLAN)]
    everything, *rest = (part(name, seed, scale) for name in ("all", "A", "B"))
    halves = dict(zip("AB", rest, strict=True))
    theories = optima(everything, patch_size=3, seed=seed)
    models: dict[str, Any] = {
        "MLP": network("mlp", "all", seed, scale, seed),
        "MLP, other start": network("mlp", "all", seed + 1, scale, seed),
        "wide MLP": network("wide mlp", "all", seed, scale, seed),
        "U-Net": network("unet", "all", seed, scale, seed),
        "MLP, half A": network("mlp", "A", seed, scale, seed),
        "MLP, half B": network("mlp", "B", seed, scale, seed),
        "Gaussian": theories["gaussian"],
        "mixture": theories["mixture"],
        "local": theories["local"],
        "empirical": theories["empirical"],
    }
    models |= {
        f"empirical, half {name}": optima(half, ("empirical",), seed=seed)["empirical"] for name, half in halves.items()
    }
    samples = paired_samples(models, everything.shape, n, sigmas=[*karras_sigmas(*GRID), 0.0], seed=seed)
    result = pairwise_reproducibility(samples)
    result.attrs |= provenance(seed=seed) | {"scale": scale, "n_train": len(everything), "data": everything.name}
    return result


def findings(dataset: xr.Dataset) -> Findings:
    """The score of networks among each other, of disjoint halves, and of the theories."""
    from ..._support.estimates import show

    def rp(one: str, other: str, name: str = "rp") -> str:
        pair = dataset.sel(model=one, other=other)
        return show(float(pair[name]), float(pair[f"{name}_stderr"]))

    def nearest(model: str) -> str:
        theories = dataset.cosine.sel(model=model, other=["Gaussian", "mixture", "local", "empirical"])
        return str(theories.other.values[int(theories.values.argmax())])

    return Findings(
        "networks of different architecture, start and disjoint data agree; memorising optima of disjoint data do not",
        f"share of equal samples, {dataset.attrs['n']} draws: two starts {rp('MLP', 'MLP, other start')}, MLP and "
        f"U-Net {rp('MLP', 'U-Net')}, disjoint halves {rp('MLP, half A', 'MLP, half B')}; empirical optima of the "
        f"halves {rp('empirical, half A', 'empirical, half B')}; chance {rp('MLP', 'MLP, other start', 'rp_chance')}",
        f"agreement does not single out one theory: the nearest to the MLP is the {nearest('MLP')} optimum (cosine "
        f"{rp('MLP', nearest('MLP'), 'cosine')}), and the empirical optimum of all images, which a network that "
        f"generalises should not equal, still agrees in {rp('MLP', 'empirical')}",
    )


TITLES = {"rp": "share above 0.6", "cosine": "mean cosine"}


@panel(
    *(f"{name}{rest}" for name in TITLES for rest in ("", "_chance")), "model", choice={"measure": tuple(TITLES)}
)  # fmt: skip
def plot_agreement_matrix(ax: Axes, result: xr.Dataset, measure: str) -> None:
    """How well the samples of each two models from the same noise agree, with what chance gives below the diagonal."""
    import numpy as np

    names = result.model.values.tolist()
    values = np.where(np.tri(len(names), k=-1), result[f"{measure}_chance"], result[measure])
    ax.imshow(values, vmin=0, vmax=1, cmap=SEQUENTIAL)
    for (i, j), value in np.ndenumerate(values):
        text, shade = f"{value:z.2f}".replace("0.", "."), "black" if value > 0.6 else "white"
        ax.text(j, i, text, ha="center", va="center", fontsize=5, color=shade)
    ax.set_xticks(range(len(names)), names, rotation=90)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.set(xlabel=f"{TITLES[measure]}\n(lower left: chance)", ylabel="model")


def draw(dataset: xr.Dataset) -> Figure:
    """Two matrices: the share of equal samples, and the mean cosine; chance in small type."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 2, figsize=(PAGE, 0.64 * PAGE), sharey=True)
        for ax, measure in zip(axes, TITLES, strict=True):
            plot_agreement_matrix(dataset, ax=ax, measure=measure).set_ylabel("")
        figure.colorbar(axes[0].images[0], ax=axes, shrink=0.6)
        letters(axes)
    return figure
