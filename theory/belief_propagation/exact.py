r"""Exact posterior of a Random Hierarchy Model by belief propagation, and the optimal denoiser that follows.

On the tree, with U the upward and D the downward message of a node and R the rules of its level [@Sclocchi2025]:

    U(y)      =  sum_k  prod_i U_i(R[y, k, i])                                  evidence from below
    D_i(x)    =  sum_{y, k: R[y, k, i] = x}  D(y)  prod_{j != i} U_j(R[y, k, j])     evidence from elsewhere
    p(x | evidence)  ~  U(x) D(x)

Each level costs (nodes x m x v) per sample in time and memory. Messages are divided by their largest entry; a bound
on what underflow can have cost is carried along, and the samples where it exceeds the rounding error are done again
in logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ..._support import checks as check
from ..._support.streams import stream
from ...errors import (
    ArgumentError,
    EmptyDataError,
    InconsistentEvidenceError,
    NoiseLevelError,
    NotFiniteError,
    ShapeError,
    WeightsError,
)
from ..grammar import Grammar
from . import _kernels as _belief_kernels
from .arithmetic import Logarithmic, Plain
from .channels import gaussian

# bytes of one (rules, columns) block: small enough for a core's cache, large enough to keep a GPU busy
BLOCK_BYTES = {"cpu": 2**19, "cuda": 2**28}


Arithmetic = type[Plain] | type[Logarithmic]
Result = tuple[list[torch.Tensor], torch.Tensor]
Rescaled = tuple[torch.Tensor, torch.Tensor]
Work = Callable[..., Result]


class Evidence(NamedTuple):
    """A likelihood, or its logarithm, as (v, leaves, batch)."""

    values: torch.Tensor
    log: bool


class Upward(NamedTuple):
    """The upward pass: `messages[l]` is (n_symbols, nodes * batch) for level l, `log_scale` (batch,) is what was
    divided out, `lost` (batch,) the logarithm of how much an underflow can have grown beside the largest entries."""

    messages: list[torch.Tensor]
    log_scale: torch.Tensor
    lost: torch.Tensor


def _all_but_one(times: Any, factors: list[torch.Tensor], start: torch.Tensor) -> list[torch.Tensor]:
    """start x the product of all factors except the i-th, for each i."""
    before = [start]
    for factor in factors[:-1]:
        before.append(times(before[-1], factor))
    products, after = [before[-1]], factors[-1]
    for i in range(len(factors) - 2, -1, -1):
        products.append(times(before[i], after))
        after = times(after, factors[i]) if i else after
    return products[::-1]


class BeliefPropagation(nn.Module):
    """Marginals of every level, log evidence and posterior samples of `grammar` given a likelihood of each leaf.

    A likelihood is a tensor (batch, leaves, v) of non-negative numbers, p(observation | leaf = c) up to a factor per
    leaf, or its logarithm with `log=True`; the leaf channels make them. The work is done in its dtype and on its
    device (move the rules there by `.to(device)`), and is differentiable. `prior` is (n_classes,) or
    (batch, n_classes), uniform unless given; a one-hot row conditions on a class.

    Raises InconsistentEvidenceError, naming the samples, where the evidence has probability zero.

    >>> grammar = Grammar.random(v=3, m=2, s=2, depth=2)
    >>> bp = BeliefPropagation(grammar)
    >>> likelihood = torch.ones(1, grammar.leaves, 3, dtype=torch.float64)
    >>> [tuple(level.shape) for level in bp.marginals(likelihood)]
    [(1, 4, 3), (1, 2, 3), (1, 1, 3)]
    >>> bool(bp.log_evidence(likelihood).abs() < 1e-15)
    True
    """

    def __init__(self, grammar: Grammar) -> None:
        super().__init__()
        if not isinstance(grammar, Grammar):
            raise ArgumentError("grammar", f"is a {type(grammar).__name__}", "pass a Grammar")
        self.grammar = grammar
        for level, rules in enumerate(reversed(grammar.rules)):
            self.register_buffer(f"rules_{level}", torch.tensor(rules).reshape(-1, grammar.s), persistent=False)
        for level in range(grammar.depth + 1):
            place = _left_to_right(grammar.depth - level, grammar.s)
            self.register_buffer(f"place_{level}", place, persistent=False)
        self.register_buffer("order", self.get_buffer("place_0").argsort(), persistent=False)
        self._inner = (grammar.leaves - 1) // (grammar.s - 1)
        self._width = [
            max(np.bincount(position.ravel()).max() for position in np.moveaxis(rules, -1, 0))
            for rules in reversed(grammar.rules)
        ]

    def _rules(self, level: int) -> torch.Tensor:
        """(n_symbols m, s): the rules that lead from level + 1 down to `level`."""
        return self.get_buffer(f"rules_{level}")

    def marginals(self, likelihood: torch.Tensor, prior: Any = None, *, log: bool = False) -> list[torch.Tensor]:
        """Posterior marginals (batch, nodes, n_symbols) of every level, the leaves first, the root last."""
        evidence, prior = self._evidence(likelihood, log), self._prior(likelihood, prior)
        return self._safely(self._marginals, evidence, prior)

    def upward_beliefs(self, likelihood: torch.Tensor, *, log: bool = False) -> list[torch.Tensor]:
        """Posteriors given only the leaves below each node, like `marginals`: those of the level-l trees themselves."""
        evidence, flat = self._evidence(likelihood, log), self._prior(likelihood, None)
        return self._safely(self._upward_beliefs, evidence, flat)

    def log_evidence(self, likelihood: torch.Tensor, prior: Any = None, *, log: bool = False) -> torch.Tensor:
        """log sum_{x0} p(x0) prod_leaves likelihood[leaf, x0_leaf], as (batch,)."""
        evidence, prior = self._evidence(likelihood, log), self._prior(likelihood, prior)
        return self._safely(self._log_evidence, evidence, prior)[0]

    def class_log_likelihood(self, likelihood: torch.Tensor, *, log: bool = False) -> torch.Tensor:
        """log p(observation | class) as (batch, n_classes), -inf where a class is excluded."""
        up = self._upward(Logarithmic, self._evidence(likelihood, log))
        return (up.messages[-1] + up.log_scale).T - self._inner * math.log(self.grammar.m)

    @torch.no_grad()
    def sample(
        self, likelihood: torch.Tensor, prior: Any = None, *, seed: int = 0, first: int = 0, log: bool = False
    ) -> list[torch.Tensor]:
        """One posterior draw per row: the symbols (batch, nodes) of every level, the leaves first.

        Row i uses the stream of sample `first + i`, whatever the batch.
        """
        evidence, prior = self._evidence(likelihood, log), self._prior(likelihood, prior)
        first = check.integer("first", first, 0)
        rows = range(first, first + len(likelihood))
        draws = np.stack([stream(seed, "posterior", i).random(1 + self._inner) for i in rows])
        uniforms = torch.from_numpy(draws).to(likelihood.device)
        return self._safely(self._sample, evidence, prior, uniforms)

    def _evidence(self, likelihood: torch.Tensor, log: bool) -> Evidence:
        likelihood = check.batch("likelihood", likelihood, (self.grammar.leaves, self.grammar.v))
        if likelihood.shape[0] == 0:
            raise EmptyDataError("likelihood", "holds no sample", "pass at least one")
        if log and bool((likelihood.isnan() | (likelihood == torch.inf)).any()):
            raise NotFiniteError("likelihood", "holds NaN or +inf", "pass logarithms < inf (-inf excludes a symbol)")
        if not log and not bool(((likelihood >= 0) & likelihood.isfinite()).all()):
            raise ArgumentError("likelihood", "holds negative or non-finite values", "pass finite numbers >= 0")
        # the passes keep the first children of all parents together, then the second ones, and so on
        return Evidence(likelihood.index_select(1, self.get_buffer("order")).permute(2, 1, 0).contiguous(), log)

    def _prior(self, likelihood: torch.Tensor, prior: Any) -> torch.Tensor:
        """The checked prior of the classes, (n_classes, batch)."""
        n, batch = self.grammar.n_classes, likelihood.shape[0]
        if prior is None:
            return likelihood.new_full((n, batch), 1 / n)
        prior = check.as_float_tensor("prior", prior).to(likelihood)
        if prior.shape not in ((n,), (batch, n)):
            raise ShapeError("prior", f"has shape {tuple(prior.shape)}", f"pass ({n},) or ({batch}, {n})")
        if bool((prior < 0).any()) or bool(((prior.sum(-1) - 1).abs() > 1e-5).any()):
            raise WeightsError("prior", "is negative or does not sum to one", "divide it by its sum")
        return prior.expand(batch, n).T.contiguous()

    def _safely(self, work: Work, evidence: Evidence, prior: torch.Tensor, *others: Any) -> list[torch.Tensor]:
        """The results of `work`, with doubtful samples done again in logarithms and impossible ones refused."""
        results, lost = work(Plain, evidence, prior, *others)
        limits = torch.finfo(prior.dtype)
        doubtful = (~(lost < math.log(limits.eps) - math.log(limits.tiny))).nonzero().flatten()
        if not doubtful.numel():
            return results
        part = Evidence(evidence.values[..., doubtful], evidence.log)
        again, lost = work(Logarithmic, part, prior[:, doubtful], *(other[doubtful] for other in others))
        impossible = doubtful[lost == torch.inf].tolist()
        if impossible:
            named = ", ".join(map(str, impossible[:10])) + (" ..." if len(impossible) > 10 else "")
            raise InconsistentEvidenceError(
                "likelihood", f"no string of the grammar fits sample {named}", "soften the likelihood of its leaves"
            )
        return [result.index_copy(0, doubtful, new) for result, new in zip(results, again)]

    def _blocks(self, level: int, children: torch.Tensor) -> list[slice]:
        """Cuts of the columns, such that a block of (rules, columns) fits the cache."""
        room = BLOCK_BYTES["cpu" if children.device.type == "cpu" else "cuda"] // children.element_size()
        width = max(room // len(self._rules(level)), 16)
        return [slice(a, a + width) for a in range(0, children.shape[-1], width)]

    def _tuples(self, level: int, children: torch.Tensor) -> list[torch.Tensor]:
        """For each position, the messages (rules, columns) of the symbols that the rules put there."""
        return [child.index_select(0, rule) for child, rule in zip(children.unbind(1), self._rules(level).unbind(1))]

    def _to_parents(self, arithmetic: Arithmetic, level: int, children: torch.Tensor) -> Rescaled:
        """Upward messages (n_symbols, columns) of nodes whose children send (v, s, columns)."""
        rules, m = self._rules(level), self.grammar.m
        if _has_kernel(arithmetic, children):
            above, largest = _belief_kernels.upward(children.numpy(), rules.numpy(), m)
            return torch.from_numpy(above), torch.from_numpy(largest).log()
        blocks = [
            arithmetic.add(reduce(arithmetic.times, self._tuples(level, children[..., cut])), len(rules) // m)
            for cut in self._blocks(level, children)
        ]
        return arithmetic.rescale(torch.cat(blocks, -1))

    def _to_children(
        self, arithmetic: Arithmetic, level: int, parent: torch.Tensor, children: torch.Tensor
    ) -> Rescaled:
        """Downward messages (v, s, columns) to the children of nodes with messages `parent` (n_symbols, columns)."""
        rules, m, blocks = self._rules(level), self.grammar.m, []
        if _has_kernel(arithmetic, parent, children):
            below, largest = _belief_kernels.downward(parent.numpy(), children.numpy(), rules.numpy(), m)
            return torch.from_numpy(below), torch.from_numpy(largest).log()
        for cut in self._blocks(level, children):
            start = parent[:, cut].repeat_interleave(m, 0)
            others = _all_but_one(arithmetic.times, self._tuples(level, children[..., cut]), start)
            scattered = [arithmetic.scatter(w, rule, self.grammar.v) for w, rule in zip(others, rules.unbind(1))]
            blocks.append(torch.stack(scattered, 1))
        return arithmetic.rescale(torch.cat(blocks, -1))

    def _to_marginals(
        self, arithmetic: Arithmetic, level: int, up: torch.Tensor, down: torch.Tensor, batch: int
    ) -> Rescaled:
        """Probabilities (batch, nodes, n_symbols) ~ up x down, with the nodes from left to right."""
        place = self.get_buffer(f"place_{level}")
        if _has_kernel(arithmetic, up, down):
            marginal, total = _belief_kernels.marginals(up.numpy(), down.numpy(), place.numpy(), batch)
            return torch.from_numpy(marginal), torch.from_numpy(total).log()
        marginal, total = arithmetic.normalise(arithmetic.times(up, down))
        return marginal.view(len(marginal), -1, batch).index_select(1, place).permute(2, 1, 0), total

    def _upward(self, arithmetic: Arithmetic, evidence: Evidence) -> Upward:
        s, m, batch = self.grammar.s, self.grammar.m, evidence.values.shape[-1]
        message, scale = arithmetic.enter(evidence.values.flatten(1), evidence.log)
        log_scale, lost = _sum(scale, batch), torch.where(_least(scale, batch) > -torch.inf, 0.0, torch.inf)
        messages = [message]
        for level in range(self.grammar.depth):
            message, scale = self._to_parents(arithmetic, level, messages[-1].view(self.grammar.v, s, -1))
            log_scale, lost = log_scale + _sum(scale, batch), lost + math.log(m * s) - _least(scale, batch)
            messages.append(message)
        return Upward(messages, log_scale, lost)

    def _marginals(self, arithmetic: Arithmetic, evidence: Evidence, prior: torch.Tensor) -> Result:
        up, v, s, batch = self._upward(arithmetic, evidence), self.grammar.v, self.grammar.s, prior.shape[-1]
        down, lost, worst, levels = arithmetic.enter(prior, False)[0], up.lost, up.lost, []
        for level in range(self.grammar.depth, -1, -1):
            marginal, total = self._to_marginals(arithmetic, level, up.messages[level], down, batch)
            worst = torch.maximum(worst, lost - _least(total, batch))
            levels.append(marginal)
            if level:
                children = up.messages[level - 1].view(v, s, -1)
                down, scale = self._to_children(arithmetic, level - 1, down, children)
                down, lost = down.view(v, -1), lost + math.log(self._width[level - 1] * s) - _least(scale, batch)
        return levels[::-1], worst + math.log(2 * v)

    def _upward_beliefs(self, arithmetic: Arithmetic, evidence: Evidence, prior: torch.Tensor) -> Result:
        up, batch = self._upward(arithmetic, evidence), prior.shape[-1]
        flat = [arithmetic.enter(torch.ones_like(message), False)[0] for message in up.messages]
        pairs = enumerate(zip(up.messages, flat))
        return [self._to_marginals(arithmetic, level, *pair, batch)[0] for level, pair in pairs], up.lost

    def _log_evidence(self, arithmetic: Arithmetic, evidence: Evidence, prior: torch.Tensor) -> Result:
        up = self._upward(arithmetic, evidence)
        inside, scale = arithmetic.enter(prior, False)
        total = arithmetic.normalise(arithmetic.times(up.messages[-1], inside))[1]
        return [total + scale + up.log_scale - self._inner * math.log(self.grammar.m)], up.lost - total

    def _sample(
        self, arithmetic: Arithmetic, evidence: Evidence, prior: torch.Tensor, uniforms: torch.Tensor
    ) -> Result:
        up, batch, s, m = self._upward(arithmetic, evidence), prior.shape[-1], self.grammar.s, self.grammar.m
        root, total = arithmetic.normalise(arithmetic.times(up.messages[-1], arithmetic.enter(prior, False)[0]))
        symbols, lost = _draw(root, uniforms[:, 0]), up.lost - total
        levels, used = [symbols[:, None]], 1
        for level in range(self.grammar.depth - 1, -1, -1):
            rules = self._rules(level).view(-1, m, s)[symbols]
            children, column = up.messages[level].view(-1, s, len(symbols)), torch.arange(len(symbols))
            column = column.to(symbols.device)
            factors = [children[rules[..., i], i, column[:, None]].T for i in range(s)]
            weights, total = arithmetic.normalise(reduce(arithmetic.times, factors))
            lost = lost + math.log(m * s) - _least(total, batch)
            nodes = len(symbols) // batch
            chosen = _draw(weights, uniforms[:, used : used + nodes].T.flatten())
            symbols, used = rules[column, chosen].T.flatten(), used + nodes
            levels.append(symbols.view(-1, batch)[self.get_buffer(f"place_{level}")].T)
        return levels[::-1], lost


def _left_to_right(depth: int, s: int) -> torch.Tensor:
    """Where the passes keep the i-th node from the left: the first children of all parents come first, and so on."""
    stored = torch.zeros(1, dtype=torch.long)
    for _ in range(depth):
        stored = (stored[:, None] + len(stored) * torch.arange(s)).flatten()
    return stored


def _sum(scale: torch.Tensor, batch: int) -> torch.Tensor:
    return scale.view(-1, batch).sum(0)


def _least(scale: torch.Tensor, batch: int) -> torch.Tensor:
    return scale.detach().view(-1, batch).amin(0)


def _has_kernel(arithmetic: Arithmetic, *messages: torch.Tensor) -> bool:
    """Whether the compiled loops apply: plain numbers on the CPU that autograd does not follow."""
    return arithmetic.compiled and all(
        w.device.type == "cpu" and w.dtype in (torch.float32, torch.float64) and not w.requires_grad for w in messages
    )


def _draw(probabilities: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Indices (columns,) along dimension 0, by inversion; never one of probability zero."""
    cumulative = probabilities.double().cumsum(0)
    total = cumulative[-1]
    return ((cumulative <= uniforms * total) & (cumulative < total)).sum(0)


class HierarchicalDenoiser(nn.Module):
    """E[x0 | x = x0 + sigma n] for strings of `grammar` as one-hot tensors (batch, leaves, v): the optimal denoiser.

    It is the leaf marginal under the Gaussian channel, exact at any sigma from 0 (the nearest string; ties share) to
    inf (the mean of the data). `condition` is a class, or one class per sample [@Sclocchi2025].

    >>> grammar = Grammar.random(v=3, m=2, s=2, depth=2)
    >>> x = torch.zeros(1, 4, 3, dtype=torch.float64)
    >>> denoised = HierarchicalDenoiser(grammar)(x, 1.0)
    >>> denoised.shape, bool((denoised.sum(-1) - 1).abs().max() < 1e-12)
    (torch.Size([1, 4, 3]), True)
    """

    def __init__(self, grammar: Grammar) -> None:
        super().__init__()
        self.belief_propagation = BeliefPropagation(grammar)

    @property
    def grammar(self) -> Grammar:
        return self.belief_propagation.grammar

    def _class_prior(self, condition: Any, x: torch.Tensor) -> torch.Tensor | None:
        if condition is None:
            return None
        classes = torch.as_tensor(condition, device=x.device)
        n = self.grammar.n_classes
        if classes.ndim > 1 or (classes.ndim == 1 and len(classes) != len(x)):
            raise ShapeError("condition", f"has shape {tuple(classes.shape)}", "pass a class or one per sample")
        if classes.is_floating_point() or bool(((classes < 0) | (classes >= n)).any()):
            raise ArgumentError("condition", "holds values that are no class", f"pass integers 0 ... {n - 1}")
        return nn.functional.one_hot(classes.long().expand(len(x)), n).to(x.dtype)

    def _log_likelihood(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        x = check.batch("x", x, (self.grammar.leaves, self.grammar.v))
        return gaussian.log_likelihood(x, self.grammar.v, check.sigmas("sigma", sigma, x))

    def forward(self, x: torch.Tensor, sigma: Any, condition: Any = None) -> torch.Tensor:
        """The posterior mean, like `x`."""
        return self.posterior(x, sigma, condition)[0]

    def posterior(self, x: torch.Tensor, sigma: Any, condition: Any = None) -> list[torch.Tensor]:
        """Posterior marginals (batch, nodes, n_symbols) of every level, the leaves first."""
        evidence = self._log_likelihood(x, sigma)
        return self.belief_propagation.marginals(evidence, self._class_prior(condition, x), log=True)

    def log_density(self, x: torch.Tensor, sigma: Any, condition: Any = None) -> torch.Tensor:
        """log p_sigma(x) in nats, (batch,), for 0 < sigma < inf."""
        evidence, prior = self._log_likelihood(x, sigma), self._class_prior(condition, x)
        sigma = check.sigmas("sigma", sigma, x)
        if not bool(((sigma > 0) & sigma.isfinite()).all()):
            raise NoiseLevelError("sigma", "holds 0 or inf", "pass finite noise levels > 0 for a density")
        # |x - e_c|^2 = |x|^2 - 2 x_c + 1, of which the evidence holds x_c - max_c x_c
        largest = x.detach().amax(-1)
        distance = (x**2).sum((1, 2)) - (2 * largest - 1).sum(1)
        constant = x[0].numel() * (math.log(2 * math.pi) / 2 + sigma.log())
        logs = self.belief_propagation.log_evidence(evidence, prior, log=True)
        return logs - distance / (2 * sigma**2) - constant
