r"""The result of growing clusters in many independent runs, per number of occupied sites and per probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..._support.display import boxes
from ...errors import ArgumentError
from ._canonical import poisson_means, probabilities
from ._canonical_kernels import convolve, wrapping

if TYPE_CHECKING:
    import xarray as xr

    from ..._support.types import Array, ArrayLike

CURVES = ("largest", "second_largest", "mean_size", "n_clusters")
WRAPPING = ("wrapping_horizontal", "wrapping_either", "wrapping_both", "wrapping_one")


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """Clusters grown from nothing to everything, many times: the result of `sweep`, `graph`, `disks` and `spheres`.

    Parameters
    ----------
    name : str
        Lattice, "disks", "spheres", or the name of a graph.
    kind : str
        "site", "bond" or "continuum".
    size : tuple of float
        Sides in cells (in diameters in the continuum); of a graph the number of nodes.
    n_sites : int
        Number of sites, of which `largest` is a fraction.
    n_total : int
        Number of sites, bonds or objects that can be occupied.
    quantities : tuple of str
        What was measured.
    marks : array
        Occupied numbers at which the curves are kept, shape (n_marks,).
    curves : array
        Sums over the runs of each batch, shape (n_batches, n_marks, n_curves).
    runs : array
        Number of runs of each batch, shape (n_batches,).
    wraps : array
        First number n at which a run wraps around each direction, shape (n_runs, n_directions); -1 for never.
    modulus : complex, optional
        Shape of the torus in two dimensions, None elsewhere.
    density : float, optional
        In the continuum the number of objects per unit of eta, None elsewhere.
    attributes : mapping
        Where the result comes from: seed, command, versions.

    Raises
    ------
    ArgumentError
        From its methods, for p outside [0, 1], or eta beyond the sweep.

    Examples
    --------
    >>> from idealscore.simulate.percolation import sweep
    >>> result = sweep("square", "site", (8, 4), n_runs=10, seed=2)
    >>> result, result.n_runs, result.parameter
    (Sweep(square site, L=8x4, runs=10, seed=2), 10, 'p')
    """

    name: str
    kind: str
    size: tuple[float, ...]
    n_sites: int
    n_total: int
    quantities: tuple[str, ...]
    marks: Array
    curves: Array
    runs: Array
    wraps: Array
    modulus: complex | None = None
    density: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        sides = dict.fromkeys(f"{side:g}" for side in self.size)
        box = next(iter(sides)) if len(sides) == 1 else "x".join(f"{side:g}" for side in self.size)
        seed = f", seed={self.attributes['seed']}" if "seed" in self.attributes else ""
        where = f"sites={box}" if self.size == (self.n_sites,) else f"L={box}"
        return f"Sweep({self.name} {self.kind}, {where}, runs={self.n_runs}{seed})"

    def _repr_html_(self) -> str:
        sizes = {"sites": self.n_sites, "can be occupied": self.n_total, "runs": self.n_runs}
        facts = {**sizes, "measured": ", ".join(self.quantities), "as a function of": self.parameter}
        seed = {"seed": self.attributes["seed"]} if "seed" in self.attributes else {}
        sides = " x ".join(f"{side:g}" for side in self.size)
        return boxes.box(f"Sweep: {self.name} {self.kind}, size {sides}", {**facts, **seed})

    @property
    def n_runs(self) -> int:
        """Number of runs in all."""
        return int(self.runs.sum())

    @property
    def parameter(self) -> str:
        """Name of the control parameter: the probability p, or the reduced density eta of the continuum."""
        return "p" if self.density is None else "eta"

    def per_batch(self, p: ArrayLike) -> dict[str, Array]:
        """Canonical mean of each curve in each batch of runs; the batches are independent.

        Parameters
        ----------
        p : float or array
            Probabilities (densities eta in the continuum), a number or shape (n_p,).

        Returns
        -------
        dict of str to array
            The mean of each measured curve, shape (n_p, n_batches).
        """
        means, binomial = self.means_at(p)
        n_batches, n_marks, n_curves = self.curves.shape
        table = np.ascontiguousarray(np.moveaxis(self.curves, 1, 0)).reshape(n_marks, n_batches * n_curves)
        sums = convolve(table, self.marks, self.n_total, means, binomial).reshape(len(means), n_batches, n_curves)
        per_run = sums / self.runs[None, :, None]
        scale = self._scale(means if self.density is not None else np.full(len(means), float(self.n_sites)))
        return {q: per_run[:, :, i] / scale[q][:, None] for i, q in enumerate(self.curve_names)}

    def canonical(self, p: ArrayLike) -> xr.Dataset:
        r"""Averages at fixed probability p (at fixed eta in the continuum), each with its standard error.

        `largest` and `second_largest` are fractions of all sites, `mean_size` is sum_c s_c^2 / N over the clusters c
        (the mean size of the cluster of a random site, an empty site counting 0), `n_clusters` their number. The
        `wrapping_*` are probabilities: around a given direction (averaged over directions), around any, around all,
        and around a given one and no other. In the continuum N is the mean number of objects at eta.

        Parameters
        ----------
        p : float or array
            Probabilities within [0, 1] (densities eta in the continuum), a number or shape (n_p,).

        Returns
        -------
        xarray.Dataset
            The measured quantities over `p` (or `eta`), each with `_stderr`: of `wrapping_*` from the scatter of the
            runs, of the curves from the scatter of up to 32 batches of runs (NaN for a single run).

        Raises
        ------
        ArgumentError
            For p outside [0, 1], or eta beyond the sweep.
        """
        import xarray as xr

        means, binomial = self.means_at(p)
        grid = np.atleast_1d(np.asarray(p, dtype=np.float64))
        data: dict[str, tuple] = {}
        for name, values in self.per_batch(grid).items() if self.curve_names else ():
            average, stderr = batch_mean(values, self.runs)
            data[name], data[f"{name}_stderr"] = ((self.parameter,), average), ((self.parameter,), stderr)
        if self.wraps.shape[1]:
            moments = wrapping(self.wraps, self.n_total, means, binomial)
            variance = np.maximum(moments[..., 1] - moments[..., 0] ** 2, 0.0)
            stderr = np.sqrt(variance / (self.n_runs - 1)) if self.n_runs > 1 else np.full_like(variance, np.nan)
            for i, name in enumerate(WRAPPING):
                data[name] = ((self.parameter,), moments[:, i, 0])
                data[f"{name}_stderr"] = ((self.parameter,), stderr[:, i])
        return xr.Dataset(data, {self.parameter: grid}, {**self.attributes, "n_runs": self.n_runs})

    @property
    def n(self) -> xr.Dataset:
        """Averages at each recorded number n of occupied sites (bonds, objects), with standard errors."""
        import xarray as xr

        data: dict[str, tuple] = {}
        scale = self._scale(self.marks if self.density is not None else np.full(len(self.marks), float(self.n_sites)))
        for i, name in enumerate(self.curve_names):
            values = (self.curves[:, :, i] / self.runs[:, None]).T
            average, stderr = batch_mean(values / scale[name][:, None], self.runs)
            data[name], data[f"{name}_stderr"] = (("n",), average), (("n",), stderr)
        if self.wraps.shape[1]:
            never = self.n_total + 1
            first = np.sort(np.where(self.wraps < 0, never, self.wraps), axis=1)
            below = [np.searchsorted(np.sort(column), self.marks, side="right") / self.n_runs for column in first.T]
            either, both, several = below[0], below[-1], len(below)
            one = (either - below[1]) / several if several > 1 else either
            for name, values in zip(WRAPPING, (sum(below) / several, either, both, one), strict=True):
                data[name] = (("n",), values)
                if name in ("wrapping_either", "wrapping_both"):
                    stderr = np.sqrt(values * (1 - values) / max(self.n_runs - 1, 1))
                    data[f"{name}_stderr"] = (("n",), stderr if self.n_runs > 1 else np.full_like(values, np.nan))
        return xr.Dataset(data, {"n": self.marks}, {**self.attributes, "n_runs": self.n_runs})

    @property
    def curve_names(self) -> tuple[str, ...]:
        """The measured curves."""
        return tuple(q for q in CURVES if q in self.quantities)

    def means_at(self, p: ArrayLike) -> tuple[Array, bool]:
        """How many sites, bonds or objects are occupied at p.

        Parameters
        ----------
        p : float or array
            Probabilities (densities eta in the continuum), a number or shape (n_p,).

        Returns
        -------
        means : array
            The mean number at each p, shape (n_p,).
        binomial : bool
            Whether the number is binomial (else Poisson).

        Raises
        ------
        ArgumentError
            For p outside [0, 1], or eta beyond the sweep.
        """
        if self.density is None:
            return probabilities("p", p) * self.n_total, True
        eta = np.atleast_1d(np.asarray(p, dtype=np.float64))
        if eta.ndim != 1 or eta.size == 0 or not bool((np.isfinite(eta) & (eta >= 0)).all()):
            raise ArgumentError("eta", "is not a number or a list of numbers >= 0", "pass reduced densities")
        return poisson_means("eta", eta * self.density, self.n_total), False

    def _scale(self, sites: np.ndarray) -> dict[str, np.ndarray]:
        sites = np.maximum(sites, np.finfo(float).tiny)
        return {q: np.ones(len(sites)) if q == "n_clusters" else sites for q in CURVES}


def columns_of(quantities: Sequence[str]) -> np.ndarray:
    """The column of each curve in the sums of the kernels, -1 where it is not wanted."""
    curves = [q for q in CURVES if q in quantities]
    return np.array([curves.index(q) if q in curves else -1 for q in CURVES])


def batch_mean(values: np.ndarray, runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over runs and its standard error from batch means `(points, batch)` of `runs` runs each."""
    share = runs / runs.sum()
    average = values @ share
    if len(runs) < 2:
        return average, np.full_like(average, np.nan)
    spread = ((values - average[:, None]) ** 2) @ runs / (len(runs) - 1)
    return average, np.sqrt(spread / runs.sum())
