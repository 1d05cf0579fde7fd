"""The transitions of a data set next to those of its nulls: what is due to the spectrum alone, and what is not.

| null | what it keeps |
|---|---|
| gaussian | mean and covariance |
| phases | the power spectrum of each image |
| labels | everything but who belongs to which class |
| pixels | the histogram of each pixel |

A transition that a null has at the same noise level says nothing beyond what this null keeps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support.estimates import estimates, show
from ..._support.labels import class_codes
from ..._support.results import provenance
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ArgumentError, CovarianceError, ShapeError
from ...simulate.nulls import gaussian_null, permuted_pixel_null, phase_null, shuffled_label_null
from ...theory.noise import DiscreteSchedule
from ...theory.transition import Transition
from ...theory.transitions import class_speciation, collapse, mode_emergence, speciation
from ...theory.transitions._spectrum import spectrum
from .transition_times import CLOCKS, on_clocks

NULLS = ("gaussian", "phases", "labels", "pixels")
NULL_DRAWS = 250


@typed
def null_transitions(
    data: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    nulls: Sequence[str] | None = None,
    n_modes: int = 5,
    n_draws: int = 1000,
    class_names: Mapping[int, str] | None = None,
    schedule: DiscreteSchedule | None = None,
    seed: int = 0,
    show_bar: bool | None = None,
) -> xr.Dataset:
    """Every transition of a data set next to that of null data, on every clock.

    Emergence of modes, speciation, the first and the last pair of classes to part, and the collapse by the Gaussian
    bound and by the entropy of the data [@Biroli2024], as `idealscore transitions data` reports them; the nulls are
    surrogates [@Theiler1992] of `simulate.nulls`, each with the labels of the data in their order.

    Parameters
    ----------
    data : array_like, shape (n, *event)
        Two or more.
    labels : array_like, shape (n,), optional
        Their classes; without, the transitions of classes are left out.
    nulls : sequence of str, optional
        Of "gaussian", "phases", "labels" and "pixels" (default: all that the data allow).
    n_modes : int, optional
        So many of the first modes.
    n_draws : int, optional
        Noised data behind the collapse by entropy, at most 250 for nulls; 0 leaves it out.
    class_names : mapping of int to str, optional
        Names of the classes.
    schedule : DiscreteSchedule, optional
        Of the clock "DDPM step" (default: linear, 1000 steps from 1e-4 to 0.02).
    seed : int, optional
        Of nulls and draws.
    show_bar : bool, optional
        Show a progress bar (default: on a terminal).

    Returns
    -------
    xarray.Dataset
        `place` over `(source, transition, clock)` with `place_stderr`, source "data" first; nan where there is no
        transition. `z` over `(source, transition)`: how many standard errors the null's log sigma lies below that of
        the data. `equation`, `reference` and `note`.

    Raises
    ------
    ArgumentError
        Where "labels" is asked for and there are none, or all are the same.
    CovarianceError
        Where the data do not vary.
    EmptyDataError
        For fewer than two data.
    ShapeError
        Where there is not one label per datum, or "phases" is asked for and an event is a single number.
    UnknownNameError
        For another null.

    Examples
    --------
    >>> x = torch.tensor([[-4.0, 0.5], [-4.0, -0.5], [4.0, 0.5], [4.0, -0.5]])
    >>> found = null_transitions(x, [0, 0, 1, 1], nulls=["labels"], n_modes=1, n_draws=0, seed=1)
    >>> found.place.sel(transition="speciation 0 | 1", clock="sigma").round(3).values
    array([4. , 0.5])
    """
    points = check.points("data", data, minimum=2)
    classes = _classes(labels, points)
    if bool((points == points[:1]).all()):
        raise CovarianceError("data", "holds the same datum only", "pass data that vary")
    chosen = _chosen(nulls, classes, points)
    check.integer("n_modes", n_modes, 1)
    if n_draws:
        check.integer("n_draws", n_draws, 2)
    names, found = class_names or {}, {}
    pairs: list[tuple[int, int]] | None = None
    for source in progress.bar(["data", *chosen], label="data and nulls", show=show_bar):
        null, null_classes = _null(source, points, classes, seed)
        draws = n_draws if source == "data" else min(n_draws, NULL_DRAWS)
        if source == "labels":
            own = {name: t for name, t in found["data"].items() if not name.startswith("speciation ")}
        else:
            own = _of_spectrum(null, n_modes)
        parted = _of_classes(null, null_classes, pairs)
        pairs = list(parted) if pairs is None else pairs
        own |= {f"speciation {names.get(a, a)} | {names.get(b, b)}": t for (a, b), t in parted.items()}
        if source != "labels":
            own |= _of_collapse(null, draws, seed)
        found[source] = own
    return _table(found, schedule or DiscreteSchedule.linear(1000, 1e-4, 0.02), len(points), seed)


def _classes(labels: ArrayLike | None, points: torch.Tensor) -> torch.Tensor | None:
    if labels is None:
        return None
    found = torch.from_numpy(class_codes("labels", labels, len(points)).codes)
    return found if len(found.unique()) > 1 else None


def _chosen(nulls: Sequence[str] | None, classes: torch.Tensor | None, points: torch.Tensor) -> list[str]:
    single = points[0].numel() < 2
    if nulls is None:
        return [n for n in NULLS if not (n == "labels" and classes is None) and not (n == "phases" and single)]
    chosen = [check.choice("nulls", name, NULLS) for name in nulls]
    if "labels" in chosen and classes is None:
        raise ArgumentError("nulls", 'holds "labels", but the data have no two classes', "pass labels, or leave it out")
    if "phases" in chosen and single:
        raise ShapeError("nulls", 'holds "phases", but the data are single numbers', "leave it out")
    return chosen


def _null(
    source: str, points: torch.Tensor, classes: torch.Tensor | None, seed: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    if source == "labels" and classes is not None:
        return points, torch.from_numpy(shuffled_label_null(classes, seed))
    makers = {"gaussian": gaussian_null, "phases": phase_null, "pixels": permuted_pixel_null}
    return (makers[source](points, seed) if source in makers else points), classes


def _of_spectrum(points: torch.Tensor, n_modes: int) -> dict[str, Transition]:
    shared = spectrum(points)
    modes = {mode.name: mode for mode in mode_emergence(shared, n_modes)}
    return modes | {"speciation": speciation(shared), "collapse, Gaussian bound": collapse(shared)}


def _of_classes(
    points: torch.Tensor, classes: torch.Tensor | None, pairs: list[tuple[int, int]] | None
) -> dict[tuple[int, int], Transition]:
    """The pairs of the data that part first and last, and the same pairs of a null."""
    if classes is None:
        return {}
    every = class_speciation(points, classes)
    if pairs is None:
        ordered = sorted(every, key=lambda pair: -(every[pair].value or 0.0))
        pairs = list(dict.fromkeys([ordered[0], ordered[-1]]))
    return {pair: every[pair] for pair in pairs}


def _of_collapse(points: torch.Tensor, n_draws: int, seed: int) -> dict[str, Transition]:
    if not n_draws:
        return {}
    name = "collapse, half of log n"
    return {name: replace(collapse(points, criterion="entropy", n_draws=n_draws, seed=seed), name=name)}


def _table(found: dict[str, dict[str, Transition]], schedule: DiscreteSchedule, n: int, seed: int) -> xr.Dataset:
    rows = sorted(found["data"], key=lambda name: name.startswith("collapse"))
    shape = (len(found), len(rows), len(CLOCKS))
    place, stderr = np.full((2, *shape), np.nan)
    for i, transitions in enumerate(found.values()):
        for j, name in enumerate(rows):
            one = transitions.get(name)
            if one is not None and one.value is not None:
                place[i, j], stderr[i, j] = on_clocks(one.value, one.stderr, schedule)
    result = xr.Dataset(
        estimates(("source", "transition", "clock"), place=(place, stderr)),
        coords={"source": list(found), "transition": rows, "clock": list(CLOCKS)},
        attrs=provenance(seed=seed) | {"n": n, "reference": "Biroli2024"},
    )
    sigma, error = place[..., 0], stderr[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.hypot(error / sigma, (error / sigma)[:1])
        result["z"] = ("source", "transition"), np.log(sigma[:1] / sigma) / spread
    result["z"].attrs["long_name"] = "(log sigma of the data - log sigma of the null) in standard errors of both"
    for field in ("equation", "reference"):
        result[field] = "transition", [getattr(found["data"][name], field) for name in rows]
    notes = [
        [getattr(found[source].get(name), "note", "the null has fewer modes") for name in rows] for source in found
    ]
    result["note"] = ("source", "transition"), notes
    return result


@typed
def null_transitions_text(table: xr.Dataset) -> str:
    """The table of `null_transitions` in words: sigma with its error, a column for the data and for each null.

    Parameters
    ----------
    table : xarray.Dataset
        Of `null_transitions`.

    Returns
    -------
    str
        A line for each transition, and one for each that a null has within three standard errors of the data.

    Examples
    --------
    >>> x = torch.tensor([[-4.0, 0.5], [-4.0, -0.5], [4.0, 0.5], [4.0, -0.5]])
    >>> found = null_transitions(x, [0, 0, 1, 1], nulls=["labels"], n_modes=1, n_draws=0, seed=1)
    >>> print(null_transitions_text(found))
    transition                data labels
    mode 1                       4      4
    speciation               3.873  3.873
    speciation 0 | 1             4    0.5
    collapse, Gaussian bound 1.136  1.136
    """
    sources, rows = table.source.values.tolist(), table.transition.values.tolist()
    lines = [["transition", *sources]]
    for name in rows:
        one = table.sel(transition=name, clock="sigma")
        lines.append([name, *(_shown(float(v), float(e)) for v, e in zip(one.place, one.place_stderr, strict=True))])
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    text = [
        " ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    ]
    if "gaussian" in sources:
        z = table.z.sel(source="gaussian")
        alike = [name for name in rows if abs(float(z.sel(transition=name))) < 3]
        text.append("")
        text.append(f"due to the spectrum alone, within three standard errors: {', '.join(alike) or 'none'}")
    return "\n".join(text)


@typed
def null_transitions_json(table: xr.Dataset) -> str:
    """The table of `null_transitions` as JSON, for programs.

    Parameters
    ----------
    table : xarray.Dataset
        Of `null_transitions`.

    Returns
    -------
    str
        For each source and transition the place and its error on every clock, null where there is none.

    Examples
    --------
    >>> x = torch.tensor([[-4.0, 0.5], [-4.0, -0.5], [4.0, 0.5], [4.0, -0.5]])
    >>> text = null_transitions_json(null_transitions(x, nulls=[], n_modes=1, n_draws=0))
    >>> round(json.loads(text)["data"]["mode 1"]["place"]["sigma"], 9)
    4.0
    """

    def clocks(values: xr.DataArray) -> dict[str, float | None]:
        pairs = zip(values.clock.values.tolist(), values.values.tolist(), strict=True)
        return {clock: value if math.isfinite(value) else None for clock, value in pairs}

    found: dict[str, dict[str, dict]] = {}
    for source in table.source.values.tolist():
        found[source] = {}
        for name in table.transition.values.tolist():
            one = table.sel(source=source, transition=name)
            row = {"place": clocks(one.place), "stderr": clocks(one.place_stderr), "note": str(one.note.item())}
            found[source][name] = row | {"equation": str(one.equation.item()), "reference": str(one.reference.item())}
    return json.dumps(found, indent=2)


def _shown(value: float, error: float) -> str:
    return show(value, error) if math.isfinite(value) else "none"
