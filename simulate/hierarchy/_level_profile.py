"""How well the symbols of every level are known, averaged over random hierarchies [@Sclocchi2025]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ..._support import checks as check
from ..._support.crossing import crossing
from ..._support.progress import bar
from ..._support.results import provenance
from ..._support.streams import stream_seed
from ...errors import ArgumentError
from ...theory.belief_propagation.channels import LeafChannel, channel_of
from ...theory.belief_propagation.exact import BeliefPropagation
from ...theory.grammar import Grammar
from ._corrupt import corrupt, noise_grid
from ._sample import sample

if TYPE_CHECKING:
    import xarray as xr

    from ..._support.types import ArrayLike


def level_profile(
    v: int,
    m: int,
    s: int,
    depth: int,
    channel: str | LeafChannel,
    noises: ArrayLike,
    *,
    n_grammars: int = 8,
    n_data: int = 16,
    seed: int = 0,
) -> xr.Dataset:
    """Mean posterior probability of the true symbol, level by level, over random grammars and strings [@Sclocchi2025].

    Parameters
    ----------
    v, m, s, depth : int
        Vocabulary, rules per symbol, symbols per rule, and number of levels of the random grammars.
    channel : str or LeafChannel
        "gaussian", "masking", "uniform", "epsilon", or an object with the methods of a channel.
    noises : float or array
        Noise of the channel in its own unit, shape (n_noises,).
    n_grammars : int
        Number of random grammars, >= 2.
    n_data : int
        Strings per grammar, >= 1.
    seed : int
        Seed of grammars, strings and noise.

    Returns
    -------
    xarray.Dataset
        Over `noise` and `level`, each with its standard error over grammars (`_stderr`): `marginal` given all leaves;
        `upward` given only the leaves below, so that the value at level l is the class belief of trees of depth l;
        `purity`, the mean of sum_c p(c)^2, which equals `marginal` for every Bayesian channel (Nishimori's identity
        [@Iba1999]); `excess`, marginal minus purity.

    Raises
    ------
    ArgumentError
        For fewer than two grammars or one string, or numbers that make no grammar.
    UnknownNameError
        For an unknown channel.
    NoiseLevelError
        For a noise outside the range of the channel.

    Examples
    --------
    >>> profile = level_profile(4, 2, 2, 2, "masking", [0.0, 1.0], n_grammars=2, n_data=2)
    >>> profile.marginal.values[0].round(6)
    array([1., 1., 1.])
    """
    import xarray as xr

    channel = channel_of(channel)
    n_grammars, n_data = check.integer("n_grammars", n_grammars, 2), check.integer("n_data", n_data, 1)
    depth = check.integer("depth", depth, 1, 64)
    grid = noise_grid(noises)
    found = np.zeros((3, n_grammars, grid.size, depth + 1))
    for draw in bar(range(n_grammars), label=f"{channel.name} profile"):
        grammar = Grammar.random(v, m, s, depth, seed=stream_seed(seed, "grammars", draw))
        bp, truth = BeliefPropagation(grammar), sample(grammar, n_data, seed, first=draw * n_data)
        for number, noise in enumerate(grid):
            inner = stream_seed(seed, "profile", draw, number)
            logs = channel.log_likelihood(corrupt(truth[0], v, channel, float(noise), inner), v, float(noise))
            marginals, upward = bp.marginals(logs, log=True), bp.upward_beliefs(logs, log=True)
            for level, symbols in enumerate(truth):
                place = torch.from_numpy(symbols)[..., None]
                true, below = (x[level].gather(-1, place) for x in (marginals, upward))
                purity = marginals[level].square().sum(-1)
                found[:, draw, number, level] = [float(x.mean()) for x in (true, below, purity)]
    mean, error = found.mean(1), found.std(1, ddof=1) / np.sqrt(n_grammars)
    dims = ("noise", "level")
    variables = {name: (dims, mean[i]) for i, name in enumerate(("marginal", "upward", "purity"))}
    variables |= {f"{name}_stderr": (dims, error[i]) for i, name in enumerate(("marginal", "upward", "purity"))}
    difference = found[0] - found[2]
    variables["excess"] = (dims, difference.mean(0))
    variables["excess_stderr"] = (dims, difference.std(0, ddof=1) / np.sqrt(n_grammars))
    attrs = provenance(seed=seed) | {
        "grammar": f"v={v}, m={m}, s={s}, depth={depth}",
        "channel": channel.name,
        "noise_unit": channel.unit,
        "n_grammars": n_grammars,
        "n_data": n_data,
    }
    return xr.Dataset(variables, {"noise": grid, "level": np.arange(depth + 1)}, attrs)


def halfway(noise: ArrayLike, belief: ArrayLike, v: int) -> float:
    """The noise at which `belief`, falling from 1 to 1/v, first passes halfway, by linear interpolation.

    >>> halfway([0.0, 1.0], [1.0, 0.5], 2)
    0.5
    """
    place = float(crossing(noise, belief, (1 + 1 / v) / 2, direction="falling"))
    if np.isnan(place):
        raise ArgumentError("noise", "does not bracket the crossing", "widen the grid")
    return place
