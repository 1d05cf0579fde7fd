"""How close is a network to exact belief propagation on strings of a grammar, noise by noise and level by level?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support.estimates import estimates, mean_error, ratio_error
from ..._support.results import provenance
from ..._support.streams import stream_seed
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ArgumentError, DenoiserContractError, EmptyDataError, NoiseLevelError
from ...simulate.diffusion import starting_noise
from ...simulate.hierarchy import Predictor, ReverseSampler, corrupt, sample
from ...theory.belief_propagation.channels import LeafChannel, channel_of
from ...theory.belief_propagation.exact import BeliefPropagation
from ...theory.belief_propagation.filtered import FilteredPropagation
from ...theory.denoiser import Denoiser
from ...theory.grammar import Grammar, check_strings

MEANING = {
    "score_error": "E|D_net - D_BP|^2 / E|D_BP - x|^2",
    "total_variation": "E sum_c |p_net(c) - p_BP(c)| / 2, mean over leaves",
    "filtered_variation": "total variation between the leaf posteriors of the network and of BP_k",
    "reconstruction": "probability that a symbol is the same after forward and backward",
    "reconstruction_exact": "the same for exact draws from the posterior",
    "valid": "strings that parse up to a level after forward and backward",
    "generated_valid": "strings generated from pure noise that parse up to a level",
    "generated_rule": "tuples of symbols that are a rule of the level, in strings generated from pure noise",
    "generated_copied": "generated strings that are in the training set",
}

Values: TypeAlias = dict[str, np.ndarray | tuple[np.ndarray, np.ndarray]]


class _Judge:
    """What a network is held against: belief propagation of `grammar`, exact and k-filtered, on the same strings."""

    def __init__(self, grammar: Grammar, channel: LeafChannel, n: int, seed: int) -> None:
        self.grammar, self.channel, self.seed = grammar, channel, seed
        self.truth = sample(grammar, n, stream_seed(seed, "hierarchy track"))
        self.exact = BeliefPropagation(grammar)
        self.filtered = [FilteredPropagation(grammar, k) for k in range(1, grammar.depth + 1)]

    def observe(self, noise: float) -> np.ndarray:
        return corrupt(self.truth[0], self.grammar.v, self.channel, noise, stream_seed(self.seed, "hierarchy noise"))

    def posteriors(self, network: Any, observed: np.ndarray, noise: float) -> Values:
        """Distances between the leaf posteriors of the network and of each BP_k, and what exact draws would keep."""
        evidence = self.channel.log_likelihood(observed, self.grammar.v, noise)
        exact = self.exact.marginals(evidence, log=True)
        learned = _predicted(network, observed, noise, exact[0])
        rivals = torch.stack([exact[0], *(model.leaf_posterior(evidence) for model in self.filtered)])
        variation = (rivals - learned).abs().sum(-1).mean(-1) / 2
        values: Values = {
            "total_variation": variation[0].numpy(),
            "filtered_variation": variation.numpy(),
            "reconstruction_exact": np.stack([_truth_mean(p, x) for p, x in zip(exact, self.truth, strict=True)]),
        }
        if self.channel.name == "gaussian":
            moved = (exact[0] - torch.from_numpy(observed)).square().sum((1, 2))
            values["score_error"] = ratio_error((exact[0] - learned).square().sum((1, 2)).numpy(), moved.numpy())
        return values

    def round_trip(self, sampler: ReverseSampler, observed: np.ndarray, noise: float) -> Values:
        """Which symbols of which level survive when the network reconstructs the strings."""
        restored = sampler(observed, noise, stream_seed(self.seed, "hierarchy back"), range(len(observed)))
        levels = self.grammar.parse(restored)
        kept = np.stack([(a == b).mean(1) for a, b in zip(levels, self.truth, strict=True)])
        return {"reconstruction": kept, "valid": _valid(levels)}

    def generated(self, sampler: ReverseSampler, n: int, sigma_max: float, training: np.ndarray | None) -> Values:
        """The grammaticality of strings made from pure noise."""
        leaves, v, seed = self.grammar.leaves, self.grammar.v, stream_seed(self.seed, "hierarchy start")
        if self.channel.name == "gaussian":
            noise, start = sigma_max, starting_noise(n, (leaves, v), sigma_max, seed).numpy()
        else:
            noise, start = 1.0, corrupt(np.zeros((n, leaves), np.int64), v, self.channel, 1.0, seed)
        strings = sampler(start, noise, stream_seed(self.seed, "hierarchy generate"), range(n))
        levels = self.grammar.parse(strings)
        possible = [(below.reshape(n, -1, self.grammar.s) >= 0).all(-1) for below in levels[:-1]]
        rules = [
            ratio_error((level >= 0).sum(1), fits.sum(1)) for level, fits in zip(levels[1:], possible, strict=True)
        ]
        certain = (np.array(1.0), np.array(0.0))  # a leaf is a symbol
        mean, error = (np.array(part) for part in zip(certain, *rules, strict=True))
        values: Values = {"generated_valid": _valid(levels), "generated_rule": (mean, error)}
        if training is not None:
            known = {row.tobytes() for row in training}
            values["generated_copied"] = np.array([row.tobytes() in known for row in strings.astype(np.int64)])
        return values


@partial(typed, says={"sigma": "sigma_max", "sigmas": "sigma_max"})
def hierarchy_track(
    network: Denoiser | Predictor,
    grammar: Grammar,
    noises: ArrayLike,
    *,
    channel: str | LeafChannel = "gaussian",
    n: int = 256,
    n_steps: int = 100,
    sigma_max: float = 10.0,
    training: ArrayLike | None = None,
    seed: int = 0,
    show: bool | None = None,
) -> xr.Dataset:
    """Hold a network against exact belief propagation of a grammar, noise by noise and level by level.

    `n` fresh strings are noised, the same at every level of noise; as many are generated from pure noise.

    Parameters
    ----------
    network : callable
        For the channel "gaussian" a denoiser of one-hot strings `(batch, leaves, v)`; for "masking" and "uniform"
        `predict(observation, noise) -> (batch, leaves, v)`, as `HierarchyNet.predictor` makes it.
    grammar : Grammar
        The grammar of the data.
    noises : array_like, shape (levels,)
        Noise levels sigma for "gaussian", else fractions in (0, 1].
    channel : str or LeafChannel
        "gaussian", "masking" or "uniform".
    n : int
        Strings, two or more.
    n_steps : int
        Steps of a reverse walk; for masking there is one per hidden leaf.
    sigma_max : float
        Where the Gaussian channel starts to generate.
    training : array_like, shape (m, leaves), optional
        Strings of the training set, in which generated ones are looked for.
    seed : int
        Of strings, noise and walks.
    show : bool, optional
        Whether to show progress (default: on a terminal).

    Returns
    -------
    Dataset over `sigma` or `noise`
        Each variable has its `_stderr` over strings; level 0 are the leaves and the last level is the class.

        Over noise: `total_variation` of the leaf posteriors, `score_error` (Gaussian channel only).

        Over noise and k: `filtered_variation`, the distance to the optimum BP_k that is blind to the correlations of
        the upper levels [@GarnierBrun2025]; `effective_k` is the closest k (0: exact, depth: naive Bayes), and `tied`
        are those within two standard errors of it by paired comparison.

        Over noise and level: `reconstruction`, the probability that a symbol survives the forward-backward experiment
        [@Sclocchi2025], and what it is for the exact posterior, `reconstruction_exact`; `valid`, the fraction of the
        reconstructed strings that parse up to the level.

        Over level: `generated_valid` and `generated_rule`, the fraction of tuples that are a rule of the level among
        those of derived symbols [@Favero2025] (chance is the attribute `chance`); `generated_copied`, the fraction of
        generated strings that are among the `training` strings, where these are given.

    Raises
    ------
    DenoiserContractError
        The network returns another shape, or values that are not finite.
    NoiseLevelError
        `noises` are outside the range of the channel.
    ArgumentError
        `grammar` is not a Grammar.

    Examples
    --------
    >>> from idealscore.theory import FilteredDenoiser
    >>> grammar = Grammar.random(v=4, m=2, s=2, depth=2)
    >>> result = hierarchy_track(FilteredDenoiser(grammar, 2), grammar, [0.5], n=16, n_steps=10)
    >>> result.effective_k.values, bool(result.total_variation[0] > 0.01)
    (array([2]), True)
    """
    if not isinstance(grammar, Grammar):
        raise ArgumentError("grammar", f"is a {type(grammar).__name__}", "pass a Grammar")
    channel, n = channel_of(channel), check.integer("n", n, 2)
    network = _at_home(network, channel)
    sampler = ReverseSampler(network, channel, grammar.v, n_steps=check.integer("n_steps", n_steps, 2))
    grid = _grid(noises, channel)
    training = None if training is None else check_strings("training", training, grammar)
    judge, parts = _Judge(grammar, channel, n, seed), []
    for noise in progress.bar(grid.tolist(), label="noise levels", show=show):
        observed = judge.observe(noise)
        values = judge.posteriors(network, observed, noise) | judge.round_trip(sampler, observed, noise)
        parts.append(_estimates(values).assign(_effective_filter(values["filtered_variation"])))
    clock = "sigma" if channel.name == "gaussian" else "noise"
    result = xr.concat(parts, dim=xr.Variable(clock, grid))
    result = result.merge(_estimates(judge.generated(sampler, n, sigma_max, training)))
    result = result.assign_coords(level=np.arange(grammar.depth + 1), k=np.arange(grammar.depth + 1))
    for name, meaning in MEANING.items():
        if name in result:
            result[name].attrs["long_name"] = meaning
    chance = (grammar.m * grammar.v - 1) / (grammar.v**grammar.s - 1)
    made = {"grammar": repr(grammar), "channel": channel.name, "n": n, "n_steps": n_steps, "chance": chance}
    result.attrs |= provenance(seed=seed) | made
    return result


@typed
def hierarchy_progress(
    snapshots: Mapping[int, Denoiser | Predictor],
    grammar: Grammar,
    noises: ArrayLike,
    *,
    show: bool | None = None,
    **options: Any,
) -> xr.Dataset:
    """Which level is learned when: `hierarchy_track` of every snapshot of a training run.

    All snapshots are judged on the same strings with the same noise.

    Parameters
    ----------
    snapshots : mapping of int to callable
        The network after each step; for "masking" and "uniform" its predictor.
    grammar : Grammar
        The grammar of the data.
    noises : array_like, shape (levels,)
        As in `hierarchy_track`.
    show : bool, optional
        Whether to show progress (default: on a terminal).
    **options
        Further options of `hierarchy_track`.

    Returns
    -------
    Dataset
        Those of `hierarchy_track`, joined along `step`.

    Raises
    ------
    EmptyDataError
        There is no snapshot.

    Examples
    --------
    >>> from idealscore.theory import FilteredDenoiser
    >>> grammar = Grammar.random(v=4, m=2, s=2, depth=2)
    >>> stages = {1: FilteredDenoiser(grammar, 2), 100: FilteredDenoiser(grammar, 0)}
    >>> hierarchy_progress(stages, grammar, [0.5], n=16, n_steps=10).effective_k.values[:, 0].tolist()
    [2, 0]
    """
    if not snapshots:
        raise EmptyDataError("snapshots", "is empty", "train with TrainConfig(snapshots=...)")
    steps = sorted(snapshots)
    shown = progress.bar(steps, label="snapshots", show=show)
    tracks = [hierarchy_track(snapshots[step], grammar, noises, show=False, **options) for step in shown]
    return xr.concat(tracks, dim=xr.Variable("step", steps), combine_attrs="override")


def _at_home(network: Any, channel: LeafChannel) -> Any:
    """A denoiser on another device, as one of tensors on the CPU."""
    held = [*network.parameters(), *network.buffers()] if isinstance(network, torch.nn.Module) else []
    if channel.name != "gaussian" or not held or held[0].device.type == "cpu":
        return network
    return lambda x, sigma: network(x.to(held[0].device), sigma).to(x.device)


def _grid(noises: Any, channel: LeafChannel) -> np.ndarray:
    grid = check.positive_sigmas("noises", noises)
    if channel.name != "gaussian" and bool((grid > 1).any()):
        raise NoiseLevelError("noises", f"exceed 1 for {channel.name}", "pass fractions in (0, 1]")
    return grid


def _predicted(network: Any, observed: np.ndarray, noise: float, like: torch.Tensor) -> torch.Tensor:
    """The leaf posterior of the network, checked."""
    with torch.no_grad():
        given = torch.from_numpy(observed) if observed.ndim == 3 else observed
        posterior = torch.as_tensor(network(given, noise)).to(like)
    if posterior.shape != like.shape:
        problem = f"returned shape {tuple(posterior.shape)} for {tuple(like.shape)}"
        raise DenoiserContractError("network", problem, "return a distribution over symbols for each leaf")
    if not bool(posterior.isfinite().all()):
        raise DenoiserContractError("network", f"returned NaN or inf at noise {noise:g}", "check it at this noise")
    return posterior


def _truth_mean(posterior: torch.Tensor, symbols: np.ndarray) -> np.ndarray:
    """Mean over nodes of the posterior probability of the true symbol, (n,)."""
    return posterior.gather(-1, torch.from_numpy(symbols)[..., None])[..., 0].mean(1).numpy()


def _valid(levels: list[np.ndarray]) -> np.ndarray:
    """Whether each string parses up to each level, (levels, n)."""
    return np.stack([(level >= 0).all(1) for level in levels])


def _effective_filter(variation: Any) -> dict[str, Any]:
    mean = variation.mean(1)
    best = int(mean.argmin())
    gap, error = mean_error(variation - variation[best], axis=1)
    return {"effective_k": ((), best), "tied": ("k", gap <= 2 * error)}


def _estimates(values: Values) -> xr.Dataset:
    """Means over strings, the last axis, with their errors; pairs (value, error) unchanged."""
    variables = {}
    for name, value in values.items():
        mean, error = value if isinstance(value, tuple) else mean_error(value, axis=-1)
        dims = ("k" if name == "filtered_variation" else "level",) if np.ndim(mean) else ()
        variables |= estimates(dims, **{name: (mean, error)})
    return xr.Dataset(variables)
