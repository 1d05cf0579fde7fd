"""Accuracy over training, per class and concept, from a run or from a user's table.

One Dataset serves all measurements of composition: `joint` (..., step), the share of samples with every concept right,
and `accuracy` (..., concept, step), the share with that concept right. Other dimensions (seed, class) are free.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import ArrayLike, FilePath
from ...errors import ArgumentError, DataFileError, EmptyDataError, ShapeError, UnknownNameError
from ...learned.data.text_tables import TextTable, read_text_table
from ...theory.composition.laws import accuracies

ROUNDED = 0.0101  # by which two accuracies printed with two digits may miss their order


WIDE_STEPS = ("step", "Step", "timestep", "_step", "steps", "iteration", "epoch")


@typed
def concept_curves(
    step: ArrayLike,
    joint: ArrayLike,
    accuracy: Iterable[ArrayLike],
    concepts: Iterable[str],
    *,
    n_samples: int | None = None,
) -> xr.Dataset:
    """Curves of one class as a Dataset: `joint` (step), `accuracy` (concept, step).

    Parameters
    ----------
    step : array-like, shape (steps,)
        Increasing training steps, at least two.
    joint : array-like, shape (steps,)
        The share of samples with every concept right.
    accuracy : array-like, shape (concepts, steps)
        The share of samples with each concept right.
    concepts : iterable of str
        Their names.
    n_samples : int, optional
        Generated samples behind each point, if known; errors are then binomial.

    Returns
    -------
    xarray.Dataset
        `joint` (step) and `accuracy` (concept, step), to be passed to `composition`.

    Raises
    ------
    ArgumentError
        For values outside [0, 1], steps that do not increase, or a joint accuracy above that of a concept.
    ShapeError
        For curves of unequal length.

    Examples
    --------
    >>> curves = concept_curves([0, 1], [0.1, 1.0], [[0.2, 1.0], [0.5, 1.0]], ["shape", "color"], n_samples=64)
    >>> dict(curves.accuracy.sizes)
    {'concept': 2, 'step': 2}
    """
    names = [check.instance("concepts", name, str) for name in check.items("concepts", concepts)]
    rows = [check.float_array("accuracy", row) for row in check.items("accuracy", accuracy)]
    steps, joint = check.finite("step", check.array("step", step)), check.float_array("joint", joint)
    if steps.ndim != 1:
        raise ShapeError("step", f"has shape {steps.shape}", "pass training steps (n,)")
    if not names:
        raise EmptyDataError("concepts", "is empty", "pass at least one concept with its curve")
    if len(rows) != len(names):
        raise ShapeError("accuracy", f"expected {len(names)} curves, got {len(rows)}", "pass one curve per concept")
    for name, row in (*zip(names, rows, strict=True), ("joint", joint)):
        if row.shape != steps.shape:
            problem = f"has {steps.size} points, and {name} has {row.size} points"
            raise ShapeError("step", problem, "use the same steps for all curves")
    curves = xr.Dataset(
        {"joint": ("step", joint), "accuracy": (("concept", "step"), np.array(rows))},
        {"step": steps, "concept": names},
    )
    if n_samples is not None:
        curves.attrs["n_samples"] = check.integer("n_samples", n_samples, 1)
    return checked(curves)


def checked(curves: xr.Dataset) -> xr.Dataset:
    """`curves` if it holds what the measurements need."""
    for name, dims in (("joint", {"step"}), ("accuracy", {"concept", "step"})):
        if name not in curves or not dims <= set(curves[name].dims):
            raise ShapeError("curves", f"holds no '{name}' over {sorted(dims)}", "build it with concept_curves")
        curves = curves.assign({name: curves[name].copy(data=accuracies(f"curves.{name}", curves[name].values))})
    if bool((np.diff(curves.step.values) <= 0).any()) or curves.sizes["step"] < 2:
        raise ArgumentError("curves.step", "does not increase", "pass at least two increasing training steps")
    if set(curves.accuracy.dims) - {"concept"} != set(curves.joint.dims):
        found = f"{tuple(curves.accuracy.dims)} and {tuple(curves.joint.dims)}"
        raise ShapeError("curves", f"has dimensions {found}", "give accuracy those of joint and 'concept'")
    curves = curves.transpose("concept", ..., "step")
    _refuse_joint_above_a_concept(curves)
    return curves


def _refuse_joint_above_a_concept(curves: xr.Dataset) -> None:
    """Samples with every concept right are among those with one right: a joint accuracy above that is a mix-up."""
    above = (curves.joint - curves.accuracy).transpose("concept", ..., "step")
    if not bool((above > ROUNDED).any()):
        return
    place = above.argmax(...)
    where = {str(dim): int(index) for dim, index in place.items()}
    one, joint = curves.accuracy[where], curves.joint[{dim: at for dim, at in where.items() if dim != "concept"}]
    problem = f"the joint accuracy ({float(joint):.4g}) exceeds that of {one.concept.item()} ({float(one):.4g})"
    raise ArgumentError("curves", f"{problem} at step {one.step.item():g}", "check which label is the joint one")


@typed
def read_curves(
    path: FilePath, *, label: str = "label", step: str = "timestep", value: str = "acc", percent: bool = False
) -> xr.DataArray:
    r"""Curves `(label, step)` from a CSV table of one row per label and step, `label,timestep,acc`, or a wide one.

    A wide table has a column of steps and one per curve, as experiment trackers export them ("run - metric", with
    `__MIN` and `__MAX` left out); steps at which a curve has a hole are dropped, `attrs["dropped"]` counts them.
    Encoding, separator, decimal commas and per cent signs are found out.

    Parameters
    ----------
    path : path
        The table, with a header.
    label, step, value : str
        The columns: what the curve is of, the training step, the accuracy.
    percent : bool
        Whether the values are percent.

    Returns
    -------
    xarray.DataArray, (label, step)
        The accuracies, in [0, 1].

    Raises
    ------
    DataFileError
        Where the file or a number is missing, a row occurs twice, or there is no row.
    UnknownNameError
        Where a column is missing.
    ShapeError
        Where the labels have other steps than each other.
    ArgumentError
        For values outside [0, 1].

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "curves.csv"
    ...     _ = path.write_text("label,timestep,acc\nshape,0,20\nshape,100,90\n")
    ...     read_curves(path, percent=True).sel(label="shape").values.tolist()
    [0.2, 0.9]
    """
    file = Path(path)
    table = read_text_table(file)
    wide = [name for name in (step, *WIDE_STEPS) if name in table.columns]
    if label not in table.columns and wide and value not in table.columns:
        return _wide(table, wide[0], percent)
    for name, column in (("label", label), ("step", step), ("value", value)):
        if column not in table.columns:
            raise UnknownNameError(f"{name}, a column of {file.name}", column, table.columns)
    rows: dict[str, dict[float, float]] = {}
    cells = zip(table.lines, *(table.column(name) for name in (label, step, value)), strict=True)
    for number, name, when, what in cells:
        point, found = _number(table, number, when), _number(table, number, what)
        if point is None or found is None:
            raise DataFileError("path", f"{file.name}, line {number} holds no number", "correct that line")
        if point in rows.setdefault(name, {}):
            raise DataFileError("path", f"{file.name}, line {number} repeats {name} at {point:g}", "drop it")
        rows[name][point] = found
    return _array(rows, file.name, percent)


def _number(table: TextTable, line: int, cell: str) -> float | None:
    try:
        return table.number(cell)
    except ValueError:
        raise DataFileError("path", f"{table.name}, line {line} holds no number", "correct that line") from None


def _wide(table: TextTable, step: str, percent: bool) -> xr.DataArray:
    """One column per curve, named as in "run - metric" or plainly; steps at which one has a hole are dropped."""
    names = [name for name in table.columns if name != step and not name.endswith(("__MIN", "__MAX"))]
    short = [name.rsplit(" - ", 1)[-1] for name in names]
    if len(set(short)) < len(short):
        problem = f"{table.name} holds a curve twice: {', '.join(names)}"
        raise DataFileError("path", problem, "keep one run, or average the runs first")
    cells = [(line, row) for line, row in zip(table.lines, table.rows, strict=True)]
    columns = [table.columns.index(name) for name in (step, *names)]
    numbers = [[_number(table, line, row[column]) for column in columns] for line, row in cells]
    whole = [[x for x in row if x is not None] for row in numbers if None not in row]
    if not whole:
        raise DataFileError("path", f"{table.name} has no step at which every curve has a value", "fill the holes")
    steps = [row[0] for row in whole]
    if len(set(steps)) < len(steps):
        raise DataFileError("path", f"{table.name} repeats a step", "drop it")
    rows = {name: {row[0]: row[i + 1] for row in whole} for i, name in enumerate(short)}
    found = _array(rows, table.name, percent)
    found.attrs["dropped"] = len(numbers) - len(whole)
    return found


def _array(rows: dict[str, dict[float, float]], name: str, percent: bool) -> xr.DataArray:
    steps = sorted(next(iter(rows.values())))
    for label, curve in rows.items():
        if sorted(curve) != steps:
            problem = f"are of unequal length: {label} has {len(curve)} steps, {next(iter(rows))} has {len(steps)}"
            raise ShapeError("curves", problem, f"complete the table {name}")
    values = np.array([[curve[point] for point in steps] for curve in rows.values()]) / (100.0 if percent else 1.0)
    accuracies("curves", values)
    return xr.DataArray(values, {"label": list(rows), "step": steps}, ("label", "step"))


@typed
def curves_from_table(
    table: xr.DataArray, concepts: Iterable[str], joint: str, *, n_samples: int | None = None
) -> xr.Dataset:
    """Curves of one class from a table of `read_curves`: which labels are concepts, and which the joint accuracy.

    Parameters
    ----------
    table : xarray.DataArray, (label, step)
        As `read_curves` gives it.
    concepts : iterable of str
        The labels of the concepts.
    joint : str
        The label of the joint accuracy.
    n_samples : int, optional
        Generated samples behind each point, if known.

    Returns
    -------
    xarray.Dataset
        As `concept_curves` gives it.

    Raises
    ------
    UnknownNameError
        For a label that the table does not hold.
    ArgumentError
        For values outside [0, 1], steps that do not increase, or a joint accuracy above that of a concept.

    Examples
    --------
    >>> table = xr.DataArray(
    ...     [[0.2, 0.9], [0.1, 0.8]], {"label": ["shape", "all"], "step": [0, 100]}, ("label", "step")
    ... )
    >>> curves_from_table(table, ["shape"], "all").joint.values.tolist()
    [0.1, 0.8]
    """
    known = [str(label) for label in table.label.values]
    names = [check.choice("concepts", name, known) for name in check.items("concepts", concepts)]
    check.choice("joint", joint, known)
    rows = [table.sel(label=name).values for name in names]
    return concept_curves(table.step.values, table.sel(label=joint).values, rows, names, n_samples=n_samples)
