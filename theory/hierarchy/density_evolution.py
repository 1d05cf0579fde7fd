"""Critical noise of a leaf channel by density evolution: belief propagation on an infinitely deep random tree.

The law of an upward message, given the true symbol of its node, is carried by a population of messages per symbol.
One level up, each parent draws a rule of its symbol and one message for each child; its own message is exact belief
propagation with all v m rules of that level [@Sclocchi2025]. Every level has fresh rules. Below the critical noise
the belief in the truth flows to 1, above it to 1/v; bisection with common random numbers finds the noise between,
once per sequence of rules, and the spread over sequences is the error.

Putting the mean leaf belief into the mean-field map instead would be wrong by a factor of about two: the noise of a
real channel is not the same for all leaves, and belief propagation is not linear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from ..._support import checks as check
from ..._support.progress import bar
from ..._support.streams import stream
from ...errors import EstimateError
from ..belief_propagation._kernels import evolve
from ..belief_propagation.channels import LeafChannel, channel_of
from ..grammar import Grammar

SAFE = 0.97  # a belief above this flows to 1
CHUNK = 8  # sequences of rules between two looks at the error


@dataclass(frozen=True)
class Threshold:
    """The critical noise, in the unit of the channel; for the Gaussian channel the SNR 1/sigma^2.

    Parameters
    ----------
    value, stderr : float
        Mean over sequences of rules, and its standard error.
    samples : array (sequences,)
        One value per sequence.
    note : str
        How it was found.

    Examples
    --------
    >>> Threshold(0.27, 0.003, np.full(16, 0.27), "density evolution, 16 sequences")
    Threshold(0.27 ± 0.003: density evolution, 16 sequences)
    """

    value: float
    stderr: float
    samples: np.ndarray
    note: str

    def __repr__(self) -> str:
        return f"Threshold({self.value:.4g} ± {self.stderr:.2g}: {self.note})"


class Options(TypedDict, total=False):
    """The keywords of `threshold` that set its precision and its cost."""

    relative_error: float
    size: int | None
    max_sequences: int
    max_levels: int
    n_jobs: int
    seed: int


class Population:
    """The random numbers of one sequence, fixed rules and draws, on which every noise is tried."""

    def __init__(
        self, v: int, m: int, s: int, channel: LeafChannel, size: int, max_levels: int, seed: int, sequence: int
    ) -> None:
        self.v: int = v
        self.m: int = m
        self.s: int = s
        self.channel: LeafChannel = channel
        self.max_levels: int = max_levels
        self.seed: int = seed
        self.sequence: int = sequence
        self.truth: np.ndarray = np.repeat(np.arange(v), size)
        self.levels: list[tuple[np.ndarray, np.ndarray]] = []

    def level(self, level: int) -> tuple[np.ndarray, np.ndarray]:
        """The rules (v m, s) that lead down to `level`, and for each parent the messages (n, s) of its children."""
        if level == len(self.levels):
            generator = stream(self.seed, "density evolution", self.sequence, level)
            rules = Grammar.random(self.v, self.m, self.s, 1, seed=int(generator.integers(2**62))).rules[0]
            children = rules[self.truth, generator.integers(0, self.m, self.truth.size)]
            size = self.truth.size // self.v
            drawn = children * size + generator.integers(0, size, children.shape)
            self.levels.append((rules.reshape(-1, self.s), drawn))
        return self.levels[level]

    def leaf_messages(self, noise: float) -> np.ndarray:
        """(v size, v): the messages of noisy leaves of each true symbol."""
        generator = stream(self.seed, "density evolution leaves", self.sequence)
        observed = self.channel.corrupt(self.truth[:, None], self.v, noise, generator)
        return self.channel.log_likelihood(observed, self.v, noise)[:, 0].softmax(1).numpy()

    def truth_belief(self, messages: np.ndarray) -> float:
        """Mean belief in the true symbol, rescaled to 0 at 1/v."""
        belief = messages[np.arange(self.truth.size), self.truth] / messages.sum(1)
        return float((belief.mean() - 1 / self.v) / (1 - 1 / self.v))

    def survives(self, noise: float, floor: float) -> bool:
        """Whether the belief flows to 1; it is lost once it falls below `floor`."""
        messages = self.leaf_messages(noise)
        for level in range(self.max_levels):
            rules, drawn = self.level(level)
            messages = evolve(messages, drawn, rules, self.m)
            if not floor < self.truth_belief(messages) < SAFE:
                break
        return self.truth_belief(messages) > 0.5

    def critical_noise(self, steps: int, floor: float) -> float:
        """The noise, in the unit of the channel, at which the belief no longer flows to 1."""
        low, high = 0.0, 1.0
        for _ in range(steps):
            middle = (low + high) / 2
            low, high = (middle, high) if self.survives(_noise(self.channel, middle), floor) else (low, middle)
        return _noise(self.channel, (low + high) / 2)


def _noise(channel: LeafChannel, t: float) -> float:
    """The noise at t in [0, 1]: t itself for a fraction, t/(1 - t) (flow time) for a sigma."""
    return t / (1 - t) if channel.unit == "sigma" else t


def threshold(
    v: int,
    m: int,
    s: int,
    channel: str | LeafChannel,
    *,
    fixed_point: float,
    relative_error: float = 0.007,
    size: int | None = None,
    max_sequences: int = 200,
    max_levels: int = 60,
    n_jobs: int = 1,
    seed: int = 0,
) -> Threshold:
    """The critical noise of `channel` for grammars with v symbols and m rules of s symbols.

    Sequences of rules are added, a few at a time, until the standard error falls below `relative_error` of the
    value. The result does not depend on `n_jobs`.

    Parameters
    ----------
    v, m, s : int
        Symbols of each level, rules of each symbol, symbols that a rule produces.
    channel : str or LeafChannel
        "masking", "uniform", "gaussian", or a channel of your own.
    fixed_point : float
        p* of the mean-field map (`HierarchyTheory.fixed_point`); it sets the belief, well between 1/v and p*, below
        which the truth counts as lost.
    relative_error : float, default 0.007
        Where to stop, in [1e-4, 1].
    size : int, optional
        Messages kept per symbol, at least 10; by default about 10^4 in all.
    max_sequences : int, default 200
        Most sequences of rules, at least 8.
    max_levels : int, default 60
        Levels after which a belief is judged by where it stands, at least 10.
    n_jobs : int, default 1
        Worker processes.
    seed : int, default 0
        Seed of rules and draws.

    Returns
    -------
    Threshold
        The critical noise.

    Raises
    ------
    ArgumentError
        For options outside their ranges, or an unknown channel.
    EstimateError
        Carrying the estimate, where `max_sequences` do not suffice.

    Examples
    --------
    >>> threshold(8, 3, 2, "masking", fixed_point=0.4, relative_error=0.2, size=50).samples.shape
    (8,)
    """
    channel = channel_of(channel)
    relative_error = check.real("relative_error", relative_error, 1e-4, 1)
    max_sequences = check.integer("max_sequences", max_sequences, CHUNK)
    size = max(10_000 // v, 50) if size is None else check.integer("size", size, 10)
    options = (v, m, s, channel, size, check.integer("max_levels", max_levels, 10), seed)
    from joblib import Parallel, delayed

    # an error of 2^-steps / sqrt(12) per sequence is small next to the spread over sequences
    steps = math.ceil(math.log2(2 / relative_error)) + 1
    floor = min(0.01, (check.real("fixed_point", fixed_point, 1 / v, 1.0) - 1 / v) / 4)
    found, value, stderr, values, note = np.zeros(0), math.nan, math.nan, np.zeros(0), ""
    with Parallel(n_jobs=check.integer("n_jobs", n_jobs, 1)) as parallel, bar(label=channel.name) as shown:
        while found.size < max_sequences:
            sequences = range(found.size, min(found.size + CHUNK, max_sequences))
            work = (delayed(Population(*options, i).critical_noise)(steps, floor) for i in sequences)
            found = np.concatenate([found, np.array(parallel(work))])
            shown.update(len(sequences))
            values = found**-2.0 if channel.unit == "sigma" else found
            value, stderr = float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size))
            note = f"density evolution, {values.size} sequences of rules, {size} messages per symbol"
            if stderr <= relative_error * value:
                return Threshold(value, stderr, values, note)
    raise EstimateError(
        f"max_sequences: the error is still {stderr / value:.2%} after {found.size} sequences; raise max_sequences",
        Threshold(value, stderr, values, note),
    )
