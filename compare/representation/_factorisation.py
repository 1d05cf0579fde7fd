"""Is what a network holds about two features factorised? The representation in any layer, next to two tori."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..._support import checks as check
from ..._support.modules import evaluating
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ArgumentError, ShapeError
from ._persistence import persistence
from ._tangents import (
    TESTS,
    additive_share,
    distances_to_tori,
    grid_values,
    participation_ratio,
    tangent_cosines,
    winding,
)

if TYPE_CHECKING:
    import xarray as xr

BINS = np.linspace(-1.0, 1.0, 42)
COMPONENTS, AXES = 15, 4


@typed
def representation_layers(network: torch.nn.Module) -> list[str]:
    """The names of all layers, as `factorisation` takes them.

    Parameters
    ----------
    network : torch.nn.Module
        Any network.

    Returns
    -------
    list of str
        The name of every module inside the network, in the order of `named_modules`.

    Examples
    --------
    >>> representation_layers(torch.nn.Sequential(torch.nn.Identity(), torch.nn.ReLU()))
    ['0', '1']
    """
    return [name for name, _ in network.named_modules() if name]


def layer_values(
    network: torch.nn.Module, layer: str, x: torch.Tensor, sigma: float, condition: torch.Tensor | None = None
) -> np.ndarray:
    """What the layer named `layer` gives for the inputs `x` `(n, *event)` at noise level `sigma`: `(n, d)`, float64.

    Raises UnknownNameError with the names of all layers, ArgumentError for a layer that the network does not pass
    through or that gives no tensor with one row per input.

    >>> from idealscore.learned.networks import MLPDenoiser
    >>> network = MLPDenoiser((2,), width=8, depth=1)
    >>> layer_values(network, "blocks.0", torch.zeros(5, 2), 1.0).shape
    (5, 8)
    """
    check.choice("layer", layer, representation_layers(network))
    seen: list[object] = []
    handle = network.get_submodule(layer).register_forward_hook(lambda module, given, output: seen.append(output))
    options = {} if condition is None else {"condition": condition}
    try:
        with torch.no_grad(), evaluating(network):
            network(x, sigma, **options)
    finally:
        handle.remove()
    last = seen[-1] if seen else None
    if not isinstance(last, torch.Tensor) or last.shape[:1] != x.shape[:1]:
        raise ArgumentError("layer", f"'{layer}' gives no tensor with one row per input", "pass another layer")
    return last.flatten(1).double().numpy(force=True)


@partial(typed, says={"values": "x"})
def factorisation(
    network: torch.nn.Module,
    layer: str,
    x: torch.Tensor,
    condition: torch.Tensor | None = None,
    sigma: float = 1.0,
    *,
    periodic: bool = True,
    ratio: float = 0.5,
    topology: bool | None = None,
) -> xr.Dataset:
    """How far the representation of two features in a layer is factorised [@Liang2024].

    Parameters
    ----------
    network : torch.nn.Module
        A denoiser, called as `network(x, sigma)` or `network(x, sigma, condition=...)`.
    layer : str
        One of `representation_layers(network)`.
    x : Tensor, shape (n_x, n_y, *event)
        Inputs over the grid of both features, at least 5 x 5.
    condition : Tensor, shape (n_x, n_y, k), optional
        The condition of each input.
    sigma : float
        The noise level at which the network is read.
    periodic : bool
        Whether both features are periodic.
    ratio : float
        r / R of the three-torus, in (0, 1).
    topology : bool, optional
        Whether persistent homology is computed; by default where ripser is installed.

    Returns
    -------
    xarray.Dataset
        That of `factorisation_of_values`.

    Raises
    ------
    UnknownNameError
        For a layer that does not exist.
    ArgumentError
        For a layer that the network does not pass through or that gives no tensor with one row per input.
    ShapeError
        For inputs or a condition without the two axes of the grid, or fewer than 5 x 5 of them.
    EmptyDataError
        Where the layer is the same at every point.
    MissingDependencyError
        For `topology=True` without ripser.

    Examples
    --------
    >>> from idealscore.learned.networks import MLPDenoiser
    >>> network = MLPDenoiser((2,), width=8, depth=1)
    >>> grid = torch.cartesian_prod(torch.arange(6.0), torch.arange(6.0)).reshape(6, 6, 2)
    >>> found = factorisation(network, "enter", grid, periodic=False, topology=False)
    >>> round(float(found.additive_share), 6), round(float(found.participation_ratio)) <= 2
    (1.0, True)
    """
    check.choice("layer", layer, representation_layers(network))
    sigma, x = check.positive_sigma("sigma", sigma), check.points("x", x)
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    condition = None if condition is None else check.as_float_tensor("condition", condition)
    if x.ndim < 3 or (condition is not None and condition.shape[:2] != x.shape[:2]):
        raise ShapeError("x", f"has shape {tuple(x.shape)}", "pass (n_x, n_y, *event), and a condition (n_x, n_y, k)")
    code = None if condition is None else condition.flatten(0, 1)
    values = layer_values(network, layer, x.flatten(0, 1), sigma, code)
    values = values.reshape(*x.shape[:2], -1)
    return factorisation_of_values(values, periodic=periodic, ratio=ratio, topology=topology)


@typed
def factorisation_of_values(
    values: ArrayLike,
    *,
    periodic: bool = True,
    ratio: float = 0.5,
    topology: bool | None = None,
    n_landmarks: int = 100,
) -> xr.Dataset:
    """The factorisation of a representation at hand: a network's, a reference's, or the images themselves [@Liang2024].

    Parameters
    ----------
    values : array-like, shape (n_x, n_y, d)
        The representation over the grid of both features, at least 5 x 5.
    periodic : bool
        Whether both features are periodic.
    ratio : float
        r / R of the three-torus, in (0, 1).
    topology : bool, optional
        Whether persistent homology is computed; by default where ripser is installed.
    n_landmarks : int
        Points that the homology is computed of.

    Returns
    -------
    xarray.Dataset
        `participation_ratio`; `additive_share`; `orthogonality`, the rms cosine of x on y; `parallel_x` and
        `parallel_y`, means; `distance` (reference) to "clifford" and "three_torus" and `winding` (feature), nan on a
        grid that is not periodic; `histogram` (test, bin) as shares; `spectrum` (component), shares of the variance of
        the leading components; `projection` (x, y, axis) onto the first four of them; `betti` (dimension) and the
        longest `lifetime` (dimension, rank), nan without the topology.

    Raises
    ------
    ShapeError
        For values that are not (n_x, n_y, d) with at least 5 x 5 points.
    NotFiniteError
        For values with NaN or inf.
    EmptyDataError
        For values that are the same at every point.
    ArgumentError
        For a ratio outside (0, 1) on a periodic grid.
    MissingDependencyError
        For `topology=True` without ripser.

    Examples
    --------
    >>> from idealscore.compare.representation.torus import clifford_torus
    >>> found = factorisation_of_values(clifford_torus(10), topology=False)
    >>> [round(float(found[name]), 6) for name in ("participation_ratio", "additive_share", "parallel_y")]
    [4.0, 1.0, 1.0]
    """
    import xarray as xr

    values = grid_values(values)
    cosines = tangent_cosines(values, periodic)
    histograms = np.stack([np.histogram(cosines[name], BINS)[0] / len(cosines[name]) for name in TESTS])
    spectrum, projection = _components(values)
    away, turns = (np.nan, np.nan), (np.nan, np.nan)
    if periodic:
        away, turns = distances_to_tori(cosines, values.shape[0], ratio), winding(values)
    betti, lifetimes = np.full(3, np.nan), np.full((3, 3), np.nan)
    if topology or (topology is None and find_spec("ripser") is not None):
        found = persistence(values.reshape(-1, values.shape[2]), n_landmarks)
        betti = np.array(found.betti, dtype=np.float64)
        for k, lives in enumerate(found.lifetimes):
            lifetimes[k, : min(3, len(lives))] = lives[:3]
    return xr.Dataset(
        {
            "participation_ratio": participation_ratio(values),
            "additive_share": additive_share(values),
            "orthogonality": float(np.sqrt((cosines["x_on_y"] ** 2).mean())),
            "parallel_x": float(cosines["x_parallel"].mean()),
            "parallel_y": float(cosines["y_parallel"].mean()),
            "distance": ("reference", list(away)),
            "winding": ("feature", list(turns)),
            "histogram": (("test", "bin"), histograms),
            "spectrum": ("component", spectrum),
            "projection": (("x", "y", "axis"), projection),
            "betti": ("dimension", betti),
            "lifetime": (("dimension", "rank"), lifetimes),
        },
        {
            "reference": ["clifford", "three_torus"],
            "feature": ["x", "y"],
            "test": list(TESTS),
            "bin": (BINS[1:] + BINS[:-1]) / 2,
            "component": np.arange(1, COMPONENTS + 1),
            "axis": np.arange(1, AXES + 1),
            "dimension": [0, 1, 2],
            "rank": [1, 2, 3],
        },
    )


def _components(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the variance of the leading principal components, and the points in the first of them."""
    flat = values.reshape(-1, values.shape[2])
    left, size, _ = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    spectrum, axes = np.zeros(COMPONENTS), np.zeros((len(flat), AXES))
    shares = size**2 / (size**2).sum()
    spectrum[: len(shares)] = shares[:COMPONENTS]
    axes[:, : len(shares)] = (left * size)[:, :AXES]
    return spectrum, axes.reshape(*values.shape[:2], AXES)
