"""Draws what each theory does with one noisy digit; `python docs/_site/theory_drawings.py` writes images/theories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from idealscore._support.style import COLOURS, style
from idealscore.learned import data
from idealscore.theory import (
    BeliefPropagation,
    EmpiricalDenoiser,
    GaussianDenoiser,
    Grammar,
    LocalDenoiser,
    MixtureDenoiser,
)

FOLDER = Path(__file__).parents[1] / "images" / "theories"
SIGMA = 0.7
TRAINING, HELD_OUT = data.load("digits").split(0.2, seed=0)
CLEAN = HELD_OUT.images[4:5].double()
NOISY = CLEAN + SIGMA * torch.randn(CLEAN.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def shown(ax: Axes, image: torch.Tensor, title: str = "", colour: str | None = None) -> None:
    """One image, with a frame in a theory's colour."""
    ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=-1.2, vmax=1.2)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=8)
    for side in ax.spines.values():
        side.set(visible=True, color=colour or "0.7", linewidth=2.0 if colour else 0.6)


def row(widths: tuple[float, ...]) -> list[Axes]:
    """Panels in a row: what goes in first, what comes out last."""
    _, axes = plt.subplots(
        1, len(widths), figsize=(1.25 * sum(widths), 1.65), width_ratios=widths, layout="constrained"
    )
    shown(axes[0], NOISY, f"noisy, sigma = {SIGMA}")
    return list(axes)


def empirical() -> None:
    denoiser = EmpiricalDenoiser(TRAINING.images.double())
    weights = denoiser.weights(NOISY, SIGMA)[0]
    axes = row((1, 1, 1, 1, 1, 1))
    for ax, k in zip(axes[1:-1], weights.argsort(descending=True)[:4], strict=True):
        shown(ax, denoiser.data[k], f"{100 * float(weights[k]):.0f} %")
    shown(axes[-1], denoiser(NOISY, SIGMA), "their mean", COLOURS["empirical"])


def gaussian() -> None:
    denoiser = GaussianDenoiser.fit(TRAINING.images.double())
    spectrum = denoiser.covariance.spectrum[:40]
    axes = row((1, 1, 2, 1))
    shown(axes[1], TRAINING.images.double().mean(0), "the mean")
    axes[2].plot(spectrum / (spectrum + SIGMA**2), color=COLOURS["gaussian"], marker=".", ms=3)
    axes[2].set(xlabel="direction of the data", ylabel="share kept", ylim=(0, 1))
    shown(axes[-1], denoiser(NOISY, SIGMA), "shrunk", COLOURS["gaussian"])


def mixture() -> None:
    denoiser = MixtureDenoiser.fit(TRAINING.images.double(), TRAINING.labels)
    axes = row((1, 2, 1, 1))
    weights = denoiser.responsibilities(NOISY, SIGMA)[0]
    axes[1].bar(range(len(weights)), weights, color=COLOURS["mixture"])
    axes[1].set(xlabel="class", ylabel="probability", xticks=range(10), ylim=(0, 1))
    labels = torch.as_tensor(TRAINING.labels)
    shown(axes[2], TRAINING.images[labels == int(weights.argmax())].double().mean(0), "mean of the likeliest")
    shown(axes[-1], denoiser(NOISY, SIGMA), "weighted", COLOURS["mixture"])


def local() -> None:
    denoiser = LocalDenoiser(TRAINING.images.double(), 3)
    axes = row((1, 1, 1, 1, 1))
    at = 3, 4
    patch = NOISY[0, 0, at[0] - 1 : at[0] + 2, at[1] - 1 : at[1] + 2]
    places = TRAINING.images.double()[:, 0].unfold(1, 3, 1).unfold(2, 3, 1)
    nearest = (places - patch).square().sum((-1, -2)).flatten().argsort()[:3]
    axes[0].add_patch(Rectangle((at[1] - 1.5, at[0] - 1.5), 3, 3, fill=False, color=COLOURS["local"], lw=1.6))
    for ax, index in zip(axes[1:-1], nearest, strict=True):
        k, i, j = np.unravel_index(int(index), places.shape[:3])
        shown(ax, TRAINING.images[k].double(), "a patch alike")
        ax.add_patch(Rectangle((j - 0.5, i - 0.5), 3, 3, fill=False, color=COLOURS["local"], lw=1.6))
    shown(axes[-1], denoiser(NOISY, SIGMA), "patch by patch", COLOURS["local"])


def belief_propagation() -> None:
    grammar = Grammar.random(v=4, m=2, s=2, depth=3, seed=1)
    propagation = BeliefPropagation(grammar)
    nothing = torch.ones(1, grammar.leaves, 4, dtype=torch.float64)
    leaves = propagation.sample(nothing, seed=3)[0].reshape(-1)
    likelihood = torch.nn.functional.one_hot(leaves.long(), 4).double()[None]
    likelihood[:, 5:] = 1.0
    marginals = propagation.marginals(likelihood)
    _, ax = plt.subplots(figsize=(6.6, 2.6), layout="constrained")
    where = [np.arange(8.0)]
    for _ in range(3):
        where.append(where[-1].reshape(-1, 2).mean(1))
    for level, (x, posterior) in enumerate(zip(where, marginals, strict=True)):
        for node, at in enumerate(x):
            if level < 3:
                ax.plot([at, where[level + 1][node // 2]], [level, level + 1], color="0.8", lw=1, zorder=0)
            for symbol, p in enumerate(posterior[0, node]):
                bar = Rectangle((at - 0.28 + 0.14 * symbol, level - 0.18), 0.12, 0.4 * float(p))
                bar.set(color=COLOURS["belief_propagation"])
                ax.add_patch(bar)
            hidden = level == 0 and node >= 5
            frame = Rectangle(
                (at - 0.32, level - 0.22), 0.62, 0.48, lw=0.7, edgecolor="0.5", facecolor="white", zorder=0.5
            )
            frame.set_linestyle(":" if hidden else "-")
            ax.add_patch(frame)
    ax.set(xlim=(-0.6, 7.6), ylim=(-0.4, 3.4), xticks=[], yticks=range(4))
    ax.set_yticklabels(["leaves", "parts", "features", "class"])
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.text(6, -0.36, "hidden", ha="center", fontsize=7)


DRAWINGS: tuple[Callable[[], None], ...] = (empirical, gaussian, mixture, local, belief_propagation)


def draw(folder: Path = FOLDER) -> None:
    """One picture per theory."""
    folder.mkdir(exist_ok=True, parents=True)
    for drawing in DRAWINGS:
        with style():
            drawing()
            plt.savefig(folder / f"{drawing.__name__}.png", dpi=130, facecolor="white")
            plt.close("all")


if __name__ == "__main__":
    draw()
