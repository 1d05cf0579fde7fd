"""One lattice at three sizes: threshold, wrapping probabilities and exponents next to the values they should have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.display import boxes
from ...errors import ArgumentError
from ...theory.percolation.critical_exponents import exponents
from ...theory.percolation.lattices import LATTICES
from ...theory.percolation.thresholds import Threshold, all_thresholds
from ...theory.percolation.wrapping import wrapping_probabilities
from ._critical_exponents import critical_exponents
from ._disks_and_spheres import disks, spheres
from ._estimate_threshold import EVENTS, estimate_threshold
from ._sweep import sweep
from .sweep_result import Sweep

if TYPE_CHECKING:
    import xarray as xr

HEADS = ("", "measured", "expected", "sigmas", "source")
CONTINUUM = {"disks": disks, "spheres": spheres}


@dataclass(frozen=True)
class Row:
    """A measured number next to its expected value; None where there is none."""

    name: str
    value: float
    stderr: float
    expected: float | None
    expected_stderr: float
    source: str

    @property
    def deviation(self) -> float | None:
        """Measured minus expected, in combined standard errors."""
        if self.expected is None:
            return None
        error = float(np.hypot(self.stderr, self.expected_stderr))
        return (self.value - self.expected) / error if error > 0 else None


@dataclass(frozen=True, repr=False)
class Study:
    """What `study` measured: numbers next to the values they should have, and the curves of all sizes.

    Parameters
    ----------
    lattice : str
        Name of the lattice, "disks" or "spheres".
    kind : str
        "site", "bond" or "continuum".
    rows : tuple of Row
        Each measured number: `name`, `value`, `stderr`, `expected`, `expected_stderr`, `source` and `deviation`.
    curves : xarray.Dataset
        All quantities over (size, p) around the threshold.

    Examples
    --------
    >>> found = study("square", "bond", 8, 20, show=False)
    >>> found
    Study(square bond, L=2, 4, 8, 9 rows)
    >>> found.records()[0]["name"], len(found.table().splitlines())
    ('threshold', 10)
    """

    lattice: str
    kind: str
    rows: tuple[Row, ...]
    curves: xr.Dataset

    def __repr__(self) -> str:
        sizes = ", ".join(f"{size:g}" for size in self.curves["size"].values)
        return f"Study({self.lattice} {self.kind}, L={sizes}, {len(self.rows)} rows)"

    def _repr_html_(self) -> str:
        rows: list[dict[str, str]] = [dict(zip(HEADS, row, strict=True)) for row in self._cells()]
        return f"<div><b>{escape(repr(self))}</b>{boxes.table(rows)}</div>"

    def _cells(self) -> Iterator[tuple[str, str, str, str, str]]:
        """Each row as text: name, measured, expected, deviation in standard errors, source."""
        for row in self.rows:
            expected = "" if row.expected is None else f"{row.expected:.6f}"
            sigmas = "" if row.deviation is None else f"{row.deviation:+.1f}"
            yield row.name, f"{row.value:.6f} ± {row.stderr:.1g}", expected, sigmas, row.source

    def records(self) -> list[dict[str, str | float | None]]:
        """The rows as plain dictionaries.

        Returns
        -------
        list of dict
            One dictionary per row, with the keys of a row.
        """
        return [{**asdict(row), "deviation": row.deviation} for row in self.rows]

    def table(self) -> str:
        """The rows as text.

        Returns
        -------
        str
            A heading and one line per row.
        """
        shown = [HEADS, *self._cells()]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        lines = []
        for name, *numbers, source in shown:
            right = "  ".join(f"{cell:>{width}}" for cell, width in zip(numbers, widths[1:4], strict=True))
            lines.append(f"{name:<{widths[0]}}  {right}  {source}")
        return "\n".join(lines)


def study(
    lattice: str, kind: str, size: int, n_runs: int, seed: int = 0, *, workers: int = 1, show: bool | None = None
) -> Study:
    """Sweep a lattice at sizes L/4, L/2 and L, and put the results next to what is known.

    The threshold row holds statistical and finite-size error in quadrature; wrapping probabilities are those of the
    largest size at the expected threshold (at the measured one where none is known).

    Parameters
    ----------
    lattice : str
        A name in `theory.percolation.LATTICES`, or "disks" or "spheres".
    kind : str
        "site" or "bond"; "continuum" for disks and spheres.
    size : int
        Side L of the largest box in cells (in diameters for disks and spheres), >= 8.
    n_runs : int
        Independent runs per size, >= 2.
    seed : int
        Seed of the runs.
    workers : int
        Threads that share the runs; the result has the same bits for any number of them.
    show : bool, optional
        Whether to show progress; by default on a terminal only.

    Returns
    -------
    Study
        The measured numbers next to the expected ones, and the curves.

    Raises
    ------
    UnknownNameError
        For an unknown lattice or kind.
    ArgumentError
        For a size below 8, fewer than two runs, or a kind that does not fit the lattice.
    EstimateError
        As `estimate_threshold`.
    DeviceMemoryError
        With the estimate, where the work would not fit into memory.

    Examples
    --------
    >>> rows = study("square", "bond", 32, 400, show=False).rows
    >>> [row.name for row in rows][:2]
    ['threshold', 'wrapping_horizontal']
    """
    check.choice("lattice", lattice, [*LATTICES, *CONTINUUM])
    size = check.integer("size", size, 8)
    n_runs = check.integer("n_runs", n_runs, 2)
    sizes = sorted({size // 4, size // 2, size})
    if lattice in CONTINUUM:
        if kind != "continuum":
            raise ArgumentError("kind", f"is '{kind}'", f"{lattice} percolate as kind 'continuum'")
        grow = CONTINUUM[lattice]
        sweeps = [grow(side, n_runs, seed, workers=workers, show=show) for side in sizes]
    else:
        sweeps = [sweep(lattice, kind, side, n_runs, seed, workers=workers, show=show) for side in sizes]
    estimate = estimate_threshold(sweeps)
    known = all_thresholds().get((lattice, kind))
    error = float(np.hypot(estimate.stderr, estimate.systematic))
    rows = [_row("threshold", estimate.value, error, known)]
    rows += _wrapping_rows(sweeps[-1], known.value if known else estimate.value)
    rows += _exponent_rows(sweeps, known.value if known else estimate.value)
    return Study(lattice, kind, tuple(rows), _curves(sweeps, estimate.value))


def _row(name: str, value: float, stderr: float, known: Threshold | None) -> Row:
    if known is None:
        return Row(name, value, stderr, None, 0.0, "")
    return Row(name, value, stderr, known.value, known.stderr, known.reference)


def _wrapping_rows(largest: Sweep, p: float) -> list[Row]:
    exact = wrapping_probabilities(largest.modulus) if largest.modulus is not None else None
    found = largest.canonical(p)
    return [
        Row(
            f"wrapping_{event}",
            float(found[f"wrapping_{event}"][0]),
            float(found[f"wrapping_{event}_stderr"][0]),
            getattr(exact, event) if exact else None,
            0.0,
            exact.reference if exact else "",
        )
        for event in (*EVENTS, "one")
    ]


def _exponent_rows(sweeps: list[Sweep], p: float) -> list[Row]:
    dimension = len(sweeps[0].size)
    known = exponents(dimension) if dimension in (2, 3) else None
    rows = []
    for name, fit in critical_exponents(sweeps, p).items():
        expected = getattr(known, name) if known else None
        rows.append(
            Row(
                name,
                fit.value,
                fit.stderr,
                expected.value if expected else None,
                expected.stderr if expected else 0.0,
                known.reference if known else "",
            )
        )
    return rows


def _curves(sweeps: list[Sweep], threshold: float) -> xr.Dataset:
    """All quantities of all sizes on one grid around the threshold."""
    import xarray as xr

    width = min(3 * sweeps[0].size[0] ** -0.75, 0.35) * threshold
    grid = np.linspace(
        threshold - width, min(threshold + width, 1.0) if sweeps[0].density is None else threshold + width, 101
    )
    each = [sweep.canonical(grid).assign_coords(size=sweep.size[0]) for sweep in sweeps]
    joined = xr.concat(each, dim="size", combine_attrs="override")
    return joined.assign_attrs(lattice=sweeps[0].name, kind=sweeps[0].kind, threshold=threshold)
