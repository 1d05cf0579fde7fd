"""The forward-backward experiment on strings of a grammar [@Sclocchi2025].

A string is noised by a leaf channel and then reconstructed, either by an exact draw from the posterior or step by
step with a denoiser; which symbols of which level survive, and how do the changes correlate [@Sclocchi2025b]?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.progress import bar
from ..._support.results import provenance
from ..._support.streams import stream_seed
from ...errors import ArgumentError
from ...theory.belief_propagation.channels import LeafChannel, channel_of
from ...theory.grammar import Grammar
from ._corrupt import corrupt, noise_grid
from ._sample import sample
from .posterior_sampler import PosteriorSampler

if TYPE_CHECKING:
    import xarray as xr

    from ..._support.types import ArrayLike

Sampler = Callable[[np.ndarray, float, int, Sequence[int]], np.ndarray]
"""`sampler(observation, noise, seed, indices)`: reconstructed strings (batch, leaves)."""


def forward_backward(
    grammar: Grammar,
    channel: str | LeafChannel,
    noises: ArrayLike,
    *,
    n_data: int = 16,
    n_trajectories: int = 16,
    sampler: Sampler | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Noise strings, reconstruct each several times, and compare level by level [@Sclocchi2025; @Sclocchi2025b].

    Each trajectory has its own noise. A string without a derivation has changed its latents.

    Parameters
    ----------
    grammar : Grammar
        The production rules.
    channel : str or LeafChannel
        "gaussian", "masking", "uniform", "epsilon", or an object with the methods of a channel.
    noises : float or array
        Noise of the channel in its own unit, shape (n_noises,).
    n_data : int
        Number of strings, >= 2.
    n_trajectories : int
        Reconstructions of each string, >= 2.
    sampler : callable, optional
        `sampler(observation, noise, seed, indices)` gives the reconstructed strings; exact posterior sampling unless
        given. A `ReverseSampler` goes step by step with a denoiser.
    seed : int
        Seed of strings and noise.

    Returns
    -------
    xarray.Dataset
        Over `noise` and `level`, each with its standard error over data (`_stderr`): `changed`, the fraction of
        symbols that differ; `correlation`, C(k) of two leaves that meet at level k; `valid`, the fraction of nodes
        with a derivation; and over `noise` `chi`, the volume of correlated change.

    Raises
    ------
    ArgumentError
        For fewer than two strings or trajectories, or a sampler that cannot be called.
    UnknownNameError
        For an unknown channel.
    NoiseLevelError
        For a noise outside the range of the channel.

    Examples
    --------
    >>> grammar = Grammar.random(v=4, m=2, s=2, depth=2)
    >>> found = forward_backward(grammar, "masking", [0.0, 1.0], n_data=4, n_trajectories=4)
    >>> found.changed.sel(noise=0.0).values
    array([0., 0., 0.])
    """
    import xarray as xr

    channel = channel_of(channel)
    n_data = check.integer("n_data", n_data, 2)
    n_trajectories = check.integer("n_trajectories", n_trajectories, 2)
    grid = noise_grid(noises)
    if sampler is None:
        sampler = PosteriorSampler(grammar, channel)
    if not callable(sampler):
        raise ArgumentError("sampler", f"is a {type(sampler).__name__}", "pass a callable")
    starts = [np.repeat(level, n_trajectories, 0) for level in sample(grammar, n_data, seed)]
    columns: dict[str, list] = {name: [] for name in ("changed", "correlation", "valid", "chi")}
    errors: dict[str, list] = {name: [] for name in columns}
    for number, noise in enumerate(bar(grid, label=f"{channel.name} forward-backward")):
        inner = stream_seed(seed, "forward-backward", number)
        observed = corrupt(starts[0], grammar.v, channel, float(noise), inner)
        ends = grammar.parse(sampler(observed, float(noise), inner, range(len(observed))))
        differs = [(a != b).reshape(n_data, -1).mean(1) for a, b in zip(starts, ends, strict=True)]
        derived = [(level >= 0).reshape(n_data, -1).mean(1) for level in ends]
        changed = (starts[0] != ends[0]).reshape(n_data, n_trajectories, -1)
        moments = moments_by_level(changed, grammar.s)
        pairs = [(grammar.s - 1) * grammar.s ** (k - 1) for k in range(1, grammar.depth + 1)]
        pairs = grammar.leaves * np.array([1, *pairs])
        _append(columns, errors, "changed", np.stack(differs, -1))
        _append(columns, errors, "valid", np.stack(derived, -1))
        _append(columns, errors, "correlation", np.diff(moments, axis=1, prepend=0) / pairs)
        chi, chi_error = _ratio(moments[:, -1], moments[:, 0])
        columns["chi"].append(chi)
        errors["chi"].append(chi_error)
    dims = {name: ("noise",) if name == "chi" else ("noise", "level") for name in columns}
    variables = {name: (dims[name], np.array(values)) for name, values in columns.items()}
    variables |= {f"{name}_stderr": (dims[name], np.array(values)) for name, values in errors.items()}
    attrs = provenance(seed=seed) | {
        "grammar": repr(grammar),
        "channel": channel.name,
        "noise_unit": channel.unit,
        "n_data": n_data,
        "n_trajectories": n_trajectories,
        "sampler": type(sampler).__name__,
    }
    return xr.Dataset(variables, {"noise": grid, "level": np.arange(grammar.depth + 1)}, attrs)


def moments_by_level(changed: np.ndarray, s: int) -> np.ndarray:
    """(n_data, depth + 1): for each datum, sum over blocks of s^k leaves of the variance over trajectories of the sum
    of signs +1 (changed) and -1 (kept); `changed` is (n_data, n_trajectories, leaves), boolean.

    The sum runs over all ordered pairs of leaves whose paths have met at level k, so that differences between levels
    give C(k), and the last over the first gives chi.
    """
    sums = np.where(changed, 1.0, -1.0)
    moments = [sums.var(1, ddof=1).sum(-1)]
    while sums.shape[-1] > 1:
        sums = sums.reshape(*sums.shape[:-1], -1, s).sum(-1)
        moments.append(sums.var(1, ddof=1).sum(-1))
    return np.stack(moments, -1)


def _append(columns: dict[str, list], errors: dict[str, list], name: str, per_datum: np.ndarray) -> None:
    """The mean over data and its standard error."""
    columns[name].append(per_datum.mean(0))
    errors[name].append(per_datum.std(0, ddof=1) / np.sqrt(len(per_datum)))


def _ratio(above: np.ndarray, below: np.ndarray) -> tuple[float, float]:
    """Ratio of the means and its standard error; 1 where nothing ever changes."""
    if below.mean() == 0:
        return 1.0, 0.0
    ratio = above.mean() / below.mean()
    return ratio, float((above - ratio * below).std(ddof=1) / np.sqrt(len(above)) / below.mean())
