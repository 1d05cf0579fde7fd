"""Strings of a grammar with their latents, and the forward-backward experiment on them [@Sclocchi2025].

A string is noised by a leaf channel and then reconstructed, either by an exact draw from the posterior or step by
step with a denoiser; which symbols of which level survive, and how do the changes correlate [@Sclocchi2025b]?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike

from ..._support import checks as check
from ..._support.progress import bar
from ..._support.results import provenance
from ..._support.streams import stream, stream_seed
from ...errors import ArgumentError
from ...theory.belief_propagation.channels import LeafChannel, channel_of
from ...theory.belief_propagation.exact import BeliefPropagation
from ...theory.grammar import Grammar, check_strings

if TYPE_CHECKING:
    import xarray as xr

Sampler = Callable[[np.ndarray, float, int, Sequence[int]], np.ndarray]


def _pick(uniforms: np.ndarray, n: int) -> np.ndarray:
    return np.minimum((uniforms * n).astype(np.int64), n - 1)


def sample(grammar: Grammar, n: int, seed: int = 0, *, first: int = 0, filtered: int = 0) -> list[np.ndarray]:
    """n strings and their latents: symbols (n, nodes) of every level, the leaves first, the root last.

    Sample i has the stream of index `first + i`. With `filtered` = k > 0 the symbols at depth k are drawn
    independently given the root, each with its own chain of rules, and the levels between are left out
    [@GarnierBrun2025].

    >>> levels = sample(Grammar.random(v=4, m=2, s=2, depth=3), 5)
    >>> [level.shape for level in levels]
    [(5, 8), (5, 4), (5, 2), (5, 1)]
    """
    n, first = check.integer("n", n, 1), check.integer("first", first, 0)
    k = check.integer("filtered", filtered, 0, grammar.depth)
    m, s = grammar.m, grammar.s
    chains, below = k * s**k, sum(s**depth for depth in range(k, grammar.depth))
    rows = [stream(seed, "strings", first + i).random(1 + chains + below) for i in range(n)]
    uniforms = np.stack(rows)
    levels, used = [_pick(uniforms[:, :1], grammar.n_classes)], 1
    if k:
        place, symbols = np.arange(s**k), np.repeat(levels[0], s**k, 1)
        for depth in range(k):
            chosen = _pick(uniforms[:, used : used + s**k], m)
            symbols = grammar.rules[depth][symbols, chosen, place // s ** (k - 1 - depth) % s]
            used += s**k
        levels.append(symbols)
    for depth in range(k, grammar.depth):
        parents = levels[-1]
        chosen = _pick(uniforms[:, used : used + parents.shape[1]], m)
        levels.append(grammar.rules[depth][parents, chosen].reshape(n, -1))
        used += parents.shape[1]
    return levels[::-1]


def corrupt(
    strings: np.ndarray, v: int, channel: str | LeafChannel, noise: float, seed: int = 0, *, first: int = 0
) -> np.ndarray:
    """An observation of each string (n, leaves) through `channel`, each row on the stream of its index."""
    channel, strings = channel_of(channel), np.asarray(strings)
    generators = (stream(seed, "corrupt", first + i) for i in range(len(strings)))
    return np.concatenate([channel.corrupt(row[None], v, noise, g) for row, g in zip(strings, generators)])


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
    """Noise `n_data` strings, reconstruct each `n_trajectories` times, and compare level by level.

    `sampler(observation, noise, seed, indices)` gives the reconstructed strings; it defaults to exact posterior
    sampling; a `hierarchy_reverse.ReverseSampler` goes step by step with a denoiser. Each trajectory has its own noise.

    Returns a Dataset over `noise` and `level` with, each with its standard error over data: `changed`, the fraction of
    symbols that differ (a string without a derivation has changed its latents); `correlation`, C(k) of two leaves that
    meet at level k; `chi`, the volume of correlated change; `valid`, the fraction of nodes with a derivation.
    """
    import xarray as xr

    channel = channel_of(channel)
    n_data = check.integer("n_data", n_data, 2)
    n_trajectories = check.integer("n_trajectories", n_trajectories, 2)
    grid = np.atleast_1d(np.asarray(noises, dtype=np.float64))
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
        differs = [(a != b).reshape(n_data, -1).mean(1) for a, b in zip(starts, ends)]
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


def _append(columns: dict[str, list], errors: dict[str, list], name: str, per_datum: np.ndarray) -> None:
    columns[name].append(per_datum.mean(0))
    errors[name].append(per_datum.std(0, ddof=1) / np.sqrt(len(per_datum)))


def _ratio(above: np.ndarray, below: np.ndarray) -> tuple[float, float]:
    """Ratio of the means and its standard error; 1 where nothing ever changes."""
    if below.mean() == 0:
        return 1.0, 0.0
    ratio = above.mean() / below.mean()
    return ratio, float((above - ratio * below).std(ddof=1) / np.sqrt(len(above)) / below.mean())


class PosteriorSampler:
    """Exact draws from p(string | observation) by belief propagation."""

    def __init__(self, grammar: Grammar, channel: str | LeafChannel) -> None:
        self.belief_propagation, self.channel = BeliefPropagation(grammar), channel_of(channel)

    def __call__(self, observed: np.ndarray, noise: float, seed: int, indices: Sequence[int]) -> np.ndarray:
        logs = self.channel.log_likelihood(observed, self.belief_propagation.grammar.v, noise)
        return self.belief_propagation.sample(logs, seed=seed, first=indices[0], log=True)[0].numpy()


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
    """Mean posterior probability of the true symbol, level by level, over random grammars and strings.

    Variables over `noise` and `level`: `marginal` given all leaves, `upward` given only the leaves below (so that the
    value at level l is the class belief of trees of depth l), and `purity`, the mean of sum_c p(c)^2, which equals
    `marginal` for every Bayesian channel (Nishimori's identity [@Iba1999]). Standard errors are over grammars.

    >>> profile = level_profile(4, 2, 2, 2, "masking", [0.0, 1.0], n_grammars=2, n_data=2)
    >>> profile.marginal.values[0].round(6)
    array([1., 1., 1.])
    """
    import xarray as xr

    channel = channel_of(channel)
    n_grammars, n_data = check.integer("n_grammars", n_grammars, 2), check.integer("n_data", n_data, 1)
    grid = np.atleast_1d(np.asarray(noises, dtype=np.float64))
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


def crossing(noise: np.ndarray, belief: np.ndarray, v: int) -> float:
    """The noise at which `belief`, falling from 1 to 1/v, first passes halfway, by linear interpolation.

    >>> crossing(np.array([0.0, 1.0]), np.array([1.0, 0.5]), 2)
    0.5
    """
    half = (1 + 1 / v) / 2
    below = np.flatnonzero(np.asarray(belief) < half)
    if not below.size or below[0] == 0:
        raise ArgumentError("noise", "does not bracket the crossing", "widen the grid")
    i = below[0]
    return float(noise[i - 1] + (noise[i] - noise[i - 1]) * (belief[i - 1] - half) / (belief[i - 1] - belief[i]))


def valid_fraction(grammar: Grammar, strings: np.ndarray) -> np.ndarray:
    """(depth + 1,): fraction of nodes of each level with a derivation; the last is the fraction of valid strings."""
    levels = grammar.parse(check_strings("strings", strings, grammar))
    return np.array([(level >= 0).mean() for level in levels])
