"""The comparison in words and colours: a line for each noise level, what explains the network there, how well."""

from __future__ import annotations

from html import escape

import numpy as np
import xarray as xr

from ...._support.style import colour
from .._explanation import FOLLOWS, NEAREST
from .._own_levels.steps import step_text
from .._table import closest, ddpm_step, transition_rows
from ..options import HELD_OUT

CAPTION = (
    "Per cent of the network's score that each theory explains; the darker the blue, the more. A network follows a"
    f" theory that explains {FOLLOWS:.0%} or more, and is near one that explains half. Errors stand in the tables"
    " below."
)


def coloured_table(result: xr.Dataset, split: str = HELD_OUT) -> str:
    """One row per noise level from the largest down, the predicted transitions between them."""
    part = result.sel(split=split)
    names = [str(name) for name in part.theory.values]
    patch = "patch_size" in part
    stepped = "network_step" in part
    columns = 4 + stepped + patch + len(names)
    heads = [
        "sigma",
        "DDPM step",
        *(["network step"] if stepped else []),
        *(["patch"] if patch else []),
        "",
        "the network",
        *names,
    ]
    pending = transition_rows(result)
    body = []

    def announce(below: float) -> None:
        while pending and pending[0][0] > below:
            words = escape(pending.pop(0)[1])
            body.append(f'<tr><td class="transition" colspan="{columns}">{words}</td></tr>')

    for sigma in part.sigma.values[::-1]:
        announce(float(sigma))
        level = part.sel(sigma=sigma)
        steps = [ddpm_step(float(sigma)), *([step_text(level)] if stepped else [])]
        cells = [f"{sigma:.3g}", *steps, *([f"{int(level.patch_size)} px"] if patch else [])]
        plain = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        shares = "".join(_share(float(level.explained_variance.sel(theory=name))) for name in names)
        body.append(f"<tr>{plain}{_verdict(level)}{shares}</tr>")
    announce(0.0)
    said = {"the network": ' class="said"'}
    head = "".join(f'<th scope="col"{said.get(name, "")}>{escape(name)}</th>' for name in heads)
    return f'<table class="words"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'


def verdict(level: xr.Dataset) -> str:
    """What the network does at one noise level, in two or three words."""
    name = str(level.closest.item())
    if name not in level.theory:
        return "follows no theory"
    share = float(level.explained_variance.sel(theory=name))
    does = "follows" if share >= FOLLOWS else "is near" if share >= NEAREST else "is far, nearest"
    return f"{does} {closest(level)}"


def _verdict(level: xr.Dataset) -> str:
    name = str(level.closest.item())
    paint = colour(name) if name in level.theory else "transparent"
    chip = f'<span class="chip" style="background:{paint}"></span>'
    return f'<td>{chip}</td><td class="said">{escape(verdict(level))}</td>'


def _share(share: float) -> str:
    """A cell whose blue grows with the share that lies above nothing; the text keeps its contrast on it."""
    if not np.isfinite(share):
        return '<td class="note">not finite</td>'
    strength = float(np.clip(share, 0, 1)) ** 3
    paint = f"rgba(0, 114, 178, {0.38 * strength:.2f})"
    text = f"{100 * share:.1f}" if share > -1 else "below -100"
    return f'<td style="background:{paint}">{text}</td>'
