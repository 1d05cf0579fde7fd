"""The share of the score that each theory misses as a figure that says its values under the pointer."""

from __future__ import annotations

import json
from html import escape

import numpy as np
import xarray as xr

from ...._support.style import colour
from .._explanation import _share as share_in_words
from ..options import HELD_OUT

WIDTH, HEIGHT = 900, 380
LEFT, RIGHT, TOP, BOTTOM = 60, 150, 14, 44
LOWEST = 1e-4


def value_figure(result: xr.Dataset, split: str = HELD_OUT) -> str:
    """Lines over log sigma and log share with bands of one standard error, transitions dotted, values in a readout."""
    part = result.sel(split=split)
    sigmas = part.sigma.values.astype(float)
    missed = np.clip(1 - part.explained_variance.values, LOWEST, None)  # (sigma, theory) or its transpose
    missed = missed if part.explained_variance.dims[0] == "sigma" else missed.T
    finite = missed[np.isfinite(missed)]
    low = 10 ** np.floor(np.log10(finite.min())) if finite.size else LOWEST
    high = min(10 ** np.ceil(np.log10(max(finite.max(), 1.0))), 10.0) if finite.size else 1.0
    across = Axis(sigmas.min(), sigmas.max(), LEFT, WIDTH - RIGHT)
    up = Axis(low, high, HEIGHT - BOTTOM, TOP)
    drawn = [*_frame(across, up), *_transitions(result, across)]
    drawn += [_curve(part, str(name), across, up, k) for k, name in enumerate(part.theory.values)]
    levels = json.dumps([_said(part.isel(sigma=k), across) for k in range(len(sigmas))])
    title = "share of the network's score that each theory misses, by noise level"
    pointer = f'<line class="at" y1="{TOP}" y2="{HEIGHT - BOTTOM}" visibility="hidden"/>'
    return (
        f'<figure class="values"><svg viewBox="0 0 {WIDTH} {HEIGHT}" tabindex="0" role="img" aria-label="{title}">'
        f"{''.join(drawn)}{pointer}</svg>"
        f'<p class="readout note" aria-live="polite">{title}, with bands of one standard error; move the pointer over'
        f" it, or focus it and use the arrow keys, to read the values.</p>"
        f'<script type="application/json">{levels.replace("<", chr(92) + "u003c")}</script></figure>'
    )


class Axis:
    """A logarithmic axis from `low` at pixel `start` to `high` at pixel `stop`."""

    def __init__(self, low: float, high: float, start: float, stop: float) -> None:
        self.low, self.high, self.start, self.stop = low, high if high > low else low * 10, start, stop

    def at(self, value: float) -> float:
        """The pixel of a value; what lies beyond the ends is drawn at them."""
        share = np.log(np.clip(value, self.low, self.high) / self.low) / np.log(self.high / self.low)
        return round(float(self.start + share * (self.stop - self.start)), 1)

    def ticks(self) -> list[float]:
        """The powers of ten on it."""
        first, last = np.ceil(np.log10(self.low) - 1e-9), np.floor(np.log10(self.high) + 1e-9)
        return [float(10.0**power) for power in np.arange(first, last + 1)]


def _frame(across: Axis, up: Axis) -> list[str]:
    floor, middle = HEIGHT - BOTTOM, (LEFT + WIDTH - RIGHT) / 2
    parts = [f'<path d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}" fill="none" stroke="#333"/>']
    for tick in across.ticks():
        x = across.at(tick)
        words = f'<text x="{x}" y="{floor + 18}" text-anchor="middle">{tick:g}</text>'
        parts.append(f'<path d="M{x} {floor}v5" stroke="#333"/>{words}')
    for tick in up.ticks():
        y = up.at(tick)
        words = f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{tick:g}</text>'
        parts.append(f'<path d="M{LEFT} {y}h-5" stroke="#333"/>{words}')
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">noise level sigma</text>')
    parts.append(
        f'<text transform="translate(14 {(TOP + floor) / 2}) rotate(-90)" text-anchor="middle">share missed</text>'
    )
    return parts


def _transitions(result: xr.Dataset, across: Axis) -> list[str]:
    """The predicted transitions on the same axis, dotted, their names stacked from the bottom, clear of the lines."""
    lines, names = [], []
    clear = 'style="paint-order:stroke;stroke:#fff;stroke-width:5px"'
    pairs = sorted(zip(result.transition_sigma.values.tolist(), map(str, result.transition.values), strict=True))
    for k, (sigma, name) in enumerate(pairs):
        if across.low <= sigma <= across.high:
            x, y = across.at(sigma), HEIGHT - BOTTOM - 8 - 15 * k
            lines.append(f'<line class="soft" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
            names.append(f'<text x="{x - 5}" y="{y}" text-anchor="end" {clear}>{escape(name.split(" (")[0])}</text>')
    return lines + names


def _curve(part: xr.Dataset, name: str, across: Axis, up: Axis, k: int) -> str:
    one = part.sel(theory=name)
    share = 1 - one.explained_variance.values.astype(float)
    error = np.nan_to_num(one.explained_variance_stderr.values.astype(float))
    x = [across.at(float(sigma)) for sigma in part.sigma.values]
    keep = np.isfinite(share)
    points = [(x[i], up.at(share[i])) for i in np.flatnonzero(keep)]
    if not points:
        return ""
    above = [(x[i], up.at(share[i] + error[i])) for i in np.flatnonzero(keep)]
    below = [(x[i], up.at(share[i] - error[i])) for i in np.flatnonzero(keep)][::-1]
    paint = colour(name, k)
    area = " ".join(f"{a},{b}" for a, b in above + below)
    line = " ".join(f"{a},{b}" for a, b in points)
    legend = TOP + 14 + 20 * k
    return (
        f'<polygon points="{area}" fill="{paint}" opacity="0.2"/>'
        f'<polyline points="{line}" fill="none" stroke="{paint}" stroke-width="2"/>'
        + "".join(f'<circle cx="{a}" cy="{b}" r="3" fill="{paint}"/>' for a, b in points)
        + f'<path d="M{WIDTH - RIGHT + 12} {legend - 4}h18" stroke="{paint}" stroke-width="2"/>'
        f'<text x="{WIDTH - RIGHT + 36}" y="{legend}">{escape(name)}</text>'
    )


def _said(level: xr.Dataset, across: Axis) -> dict:
    """Where a level lies and what the readout says of it."""
    sigma = float(level.sigma)
    said: list[tuple[str, str]] = [("", f"sigma = {sigma:.3g}; explained:")]
    for k, name in enumerate(map(str, level.theory.values)):
        said.append((colour(name, k), f"{name} {share_in_words(level.sel(theory=name), 'explained_variance')} %"))
    return {"x": across.at(sigma), "said": said}
