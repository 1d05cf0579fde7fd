"""Transitions as marks on an axis of noise levels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.style import background, ink, literal
from ...errors import ArgumentError
from ...theory.transition import Transition
from ._axes import COMPARISON, kind, noise_axis, own_or_new, points, room, small

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_transition_lines(
    transitions: xr.Dataset | Iterable[Transition], *, ax: Axes | None = None, steps: bool = True
) -> Axes:
    r"""Dotted lines at the noise levels of transitions, with their names in a strip below all curves.

    Parameters
    ----------
    transitions : xarray.Dataset or iterable of Transition
        A result of `compare`, or transitions themselves; those that have no noise level have no place on this axis.
    ax : matplotlib.axes.Axes, optional
        Axes with sigma along x, on which there may be curves already; by default those of a new figure.
    steps : bool, optional
        Whether to write DDPM steps above the noise levels.

    Returns
    -------
    matplotlib.axes.Axes
        Around each line that has a standard error there is a band of this width. Where the range of y is not fixed,
        it is made longer by the strip.

    Raises
    ------
    ArgumentError
        If there is nothing to mark: another kind of result, or no transition with a noise level.

    Examples
    --------
    >>> from idealscore.theory import MixtureDenoiser, transitions
    >>> import torch
    >>> two = MixtureDenoiser([0.5, 0.5], torch.tensor([[-2.0], [2.0]]), torch.ones(2, 1, 1))
    >>> ax = plot_transition_lines([transitions.speciation(two)])
    >>> [text.get_text() for text in ax.texts]
    ['speciation']
    """
    places = sorted(_places(transitions), key=lambda place: place[1])
    ax = own_or_new(ax)
    if not ax.has_data():
        ax.set_yticks([])
        ax.set_xlim(places[0][1] / 10, places[-1][1] * 10)
    ax.set_xscale("log")
    shade = ink(ax, "exact")
    for _, sigma, error in places:
        ax.axvline(sigma, color=shade, linestyle=":", linewidth=0.8)
        if error > 0:
            ax.axvspan(max(sigma - error, sigma / 10), sigma + error, color=shade, alpha=0.15, linewidth=0)
    _write_names(ax, places)
    noise_axis(ax, np.array(ax.get_xlim()), steps)
    return ax


def _write_names(ax: Axes, places: list[tuple[str, float, float]]) -> None:
    """The names in as few rows as they need, below all curves: lower levels to the left of their line, others right."""
    low, high = np.log(ax.get_xlim())
    width, row = points(ax)[0], 1.35 * small()
    taken: list[list[tuple[float, float]]] = []
    for k, (name, sigma, _) in enumerate(places):
        written = ax.annotate(
            literal(name), (sigma, 0), xytext=(2, 3), textcoords="offset points", va="bottom", fontsize=small(),
            color=ink(ax, "exact"), xycoords=ax.get_xaxis_transform(),
            bbox={"fc": background(ax), "ec": "none", "pad": 0.4},
        )  # fmt: skip
        place = (math.log(sigma) - low) / (high - low) * width
        length = written.get_window_extent().width * 72 / ax.get_figure(root=True).dpi + 4  # pyright: ignore
        fits_left, fits_right = length < place, length < width - place
        right = fits_right if fits_left != fits_right else k >= len(places) / 2
        start, end = (place, place + length) if right else (place - length, place)
        free = (all(end <= a or b <= start for a, b in spans) for spans in taken)
        at = next((k for k, clear in enumerate(free) if clear), len(taken))
        taken[at:at] = [[]] if at == len(taken) else []
        taken[at].append((start, end))
        written.set(ha="left" if right else "right", position=(2 if right else -2, 3 + row * at))
    room(ax, below=3 + row * len(taken))


def _places(transitions: xr.Dataset | Iterable[Transition]) -> list[tuple[str, float, float]]:
    """(name, sigma, standard error) of each."""
    if isinstance(transitions, xr.Dataset):
        found = kind(transitions, "plot_transition_lines", ("transition_sigma",), COMPARISON, ("transition",))
        names = [str(name).split(" (")[0] for name in found.transition.values]
        errors = np.nan_to_num(found.transition_sigma_stderr.values)
        places = list(zip(names, found.transition_sigma.values.tolist(), errors.tolist(), strict=True))
    else:
        each = check.items("transitions", transitions)
        if wrong := [one for one in each if not isinstance(one, Transition)]:
            problem = f"hold a {type(wrong[0]).__name__}"
            raise ArgumentError("transitions", problem, "pass Transition objects, or the result of compare")
        places = [(t.name, float(t.noise.sigma), _sigma_error(t)) for t in each if t.noise is not None]
    if not places:
        raise ArgumentError("transitions", "have no noise level", "pass one at least that has a place on this axis")
    return [place for place in places if np.isfinite(place[1])]


def _sigma_error(transition: Transition) -> float:
    """The standard error in sigma; SNR = 1 / sigma^2 gives d sigma = sigma^3 / 2 d SNR."""
    assert transition.noise is not None
    error = float(np.nan_to_num(transition.stderr))
    return {"sigma": error, "SNR": error * float(transition.noise.sigma) ** 3 / 2}.get(transition.unit, 0.0)
