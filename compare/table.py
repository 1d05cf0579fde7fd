"""The table of a comparison: one row per noise level, the predicted transitions between the rows."""

from __future__ import annotations

import numpy as np
import xarray as xr

from .._estimates import show
from ..theory.noise import DiscreteSchedule, NoiseLevel
from .comparison import HELD_OUT

DDPM = DiscreteSchedule.linear(1000, 1e-4, 0.02)


def ddpm_step(sigma: float) -> str:
    """The step of the usual linear DDPM schedule, as text."""
    step = NoiseLevel(sigma).step(DDPM)
    return f"{step:.0f}" if np.isfinite(step) else "-"


def closest(level: xr.Dataset) -> str:
    """The closest theory of one noise level; those that tie with it within two standard errors follow."""
    best = str(level.closest.item())
    others = [str(name) for name in level.theory.values[level.tied.values] if name != best]
    return " = ".join([best, *others])


def _gap(level: xr.Dataset) -> str:
    return f"{1 - float(level.explained_variance):.3g}"


def rows(result: xr.Dataset, split: str = HELD_OUT) -> list[dict[str, str]]:
    """The cells of the table, as text, from the largest noise level to the smallest."""
    part = result.sel(split=split)
    made = []
    for sigma in part.sigma.values[::-1]:
        level = part.sel(sigma=sigma)
        best = level.sel(theory=str(level.closest.item()))
        made.append(
            {
                "sigma": f"{sigma:.3g}",
                "DDPM step": ddpm_step(sigma),
                "closest theory": closest(level),
                "score gap": show(1 - float(best.explained_variance), float(best.explained_variance_stderr)),
                "cosine": f"{float(best.cosine):.4f}",
                **{f"to {name}": _gap(level.sel(theory=name)) for name in part.theory.values},
            }
        )
    return made


def transition_rows(result: xr.Dataset) -> list[tuple[float, str]]:
    """(sigma, sentence) of each predicted transition, largest sigma first."""
    made = []
    for name in result.transition.values:
        t = result.sel(transition=name)
        sigma = float(t.transition_sigma)
        where = f"sigma {show(sigma, float(t.transition_sigma_stderr))}, DDPM step {ddpm_step(sigma)}"
        made.append((sigma, f"predicted: {name} at {where}"))
    return sorted(made, reverse=True)


def table(result: xr.Dataset, split: str = HELD_OUT) -> str:
    """The whole table as text."""
    cells = rows(result, split)
    widths = {key: max(len(key), *(len(row[key]) for row in cells)) for key in cells[0]}
    line = "  ".join(f"{key:>{width}}" for key, width in widths.items())
    pending = transition_rows(result)
    out = [line, "-" * len(line)]
    for row, sigma in zip(cells, result.sigma.values[::-1]):
        while pending and pending[0][0] > sigma:
            out.append(f"-- {pending.pop(0)[1]} ".ljust(len(line), "-"))
        out.append("  ".join(f"{row[key]:>{width}}" for key, width in widths.items()))
    out += [f"-- {sentence} ".ljust(len(line), "-") for _, sentence in pending]
    return "\n".join([*out, *legend(result, split)])


def legend(result: xr.Dataset, split: str) -> list[str]:
    """What the columns mean, in two lines."""
    return [
        f"{result.attrs['n']} {split} images, each noised {result.attrs['n_noise']} times; {result.attrs['network']}.",
        "score gap: E|s_net - s_theory|^2 / E|s_net|^2, the share of the network's score that the closest theory misses"
        " (± standard error); 'to NAME': the same for each theory; 'A = B': a tie within two standard errors.",
    ]
