r"""Exact posterior of a Random Hierarchy Model by belief propagation.

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
from functools import reduce

import numpy as np
import torch
from torch import nn

from ..._support import checks as check
from ..._support.streams import stream
from ..._support.transforms import batched
from ...errors import ArgumentError, EmptyDataError, InconsistentEvidenceError, NotFiniteError, ShapeError, WeightsError
from ..grammar import Grammar
from . import _kernels
from .arithmetic import Logarithmic, Plain
from .enumeration import derivations
from .messages import (
    Arithmetic,
    Evidence,
    Prior,
    Rescaled,
    Result,
    Upward,
    Work,
    all_but_one,
    as_samples,
    draw,
    has_kernel,
    least,
    left_to_right,
    summed,
)

# bytes of one (rules, columns) block: small enough for a core's cache, large enough to keep a GPU busy
BLOCK_BYTES = {"cpu": 2**19, "cuda": 2**28}


class BeliefPropagation(nn.Module):
    """Marginals of every level, log evidence and posterior samples of `grammar` given a likelihood of each leaf.

    The leaf channels make likelihoods. The work is done in their dtype and on their device (move the rules there by
    `.to(device)`), and is differentiable.

    Parameters
    ----------
    grammar : Grammar
        The rules of the tree.

    Raises
    ------
    GrammarError
        By `reference`, if the grammar has more than 2**16 strings.
    ArgumentError, ShapeError, EmptyDataError, NotFiniteError, WeightsError
        If `grammar` is not a Grammar; by the methods, if a likelihood or prior is unusable.
    InconsistentEvidenceError
        By the methods, naming the samples, where the evidence has probability zero.

    Examples
    --------
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
            place = left_to_right(grammar.depth - level, grammar.s)
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

    def marginals(self, likelihood: torch.Tensor, prior: Prior = None, *, log: bool = False) -> list[torch.Tensor]:
        """Posterior marginals of every level.

        Parameters
        ----------
        likelihood : tensor (batch, leaves, v)
            p(observation | leaf = c) >= 0, up to a factor per leaf.
        prior : array (n_classes,) or (batch, n_classes), optional
            Probabilities of the classes; a one-hot row conditions on a class. Default: uniform.
        log : bool
            Whether `likelihood` holds logarithms.

        Returns
        -------
        list of tensors (batch, nodes, n_symbols)
            The leaves first, the root last.
        """
        evidence, prior = self._evidence(likelihood, log), self._prior(likelihood, prior)
        return self._safely(self._marginals, evidence, prior)

    def upward_beliefs(self, likelihood: torch.Tensor, *, log: bool = False) -> list[torch.Tensor]:
        """Posteriors given only the leaves below each node: those of the level-l trees themselves.

        Parameters
        ----------
        likelihood : tensor (batch, leaves, v)
            p(observation | leaf = c) >= 0, up to a factor per leaf.
        log : bool
            Whether `likelihood` holds logarithms.

        Returns
        -------
        list of tensors (batch, nodes, n_symbols)
            The leaves first, the root last.
        """
        evidence, flat = self._evidence(likelihood, log), self._prior(likelihood, None)
        return self._safely(self._upward_beliefs, evidence, flat)

    def log_evidence(self, likelihood: torch.Tensor, prior: Prior = None, *, log: bool = False) -> torch.Tensor:
        """log sum_{x0} p(x0) prod_leaves likelihood[leaf, x0_leaf].

        Parameters
        ----------
        likelihood : tensor (batch, leaves, v)
            p(observation | leaf = c) >= 0, up to a factor per leaf.
        prior : array (n_classes,) or (batch, n_classes), optional
            Probabilities of the classes; a one-hot row conditions on a class. Default: uniform.
        log : bool
            Whether `likelihood` holds logarithms.

        Returns
        -------
        tensor (batch,)
            In nats.
        """
        evidence, prior = self._evidence(likelihood, log), self._prior(likelihood, prior)
        return self._safely(self._log_evidence, evidence, prior)[0]

    def class_log_likelihood(self, likelihood: torch.Tensor, *, log: bool = False) -> torch.Tensor:
        """log p(observation | class).

        Parameters
        ----------
        likelihood : tensor (batch, leaves, v)
            p(observation | leaf = c) >= 0, up to a factor per leaf.
        log : bool
            Whether `likelihood` holds logarithms.

        Returns
        -------
        tensor (batch, n_classes)
            In nats, -inf where a class is excluded.
        """
        up = self._upward(Logarithmic, self._evidence(likelihood, log))
        return (up.messages[-1] + up.log_scale).T - self._inner * math.log(self.grammar.m)

    @torch.no_grad()
    def sample(
        self,
        likelihood: torch.Tensor,
        prior: Prior = None,
        *,
        seed: int = 0,
        first: int = 0,
        log: bool = False,
    ) -> list[torch.Tensor]:
        """One posterior draw per row.

        Parameters
        ----------
        likelihood : tensor (batch, leaves, v)
            p(observation | leaf = c) >= 0, up to a factor per leaf.
        prior : array (n_classes,) or (batch, n_classes), optional
            Probabilities of the classes; a one-hot row conditions on a class. Default: uniform.
        seed, first : int
            Row i uses the stream of sample `first + i`, whatever the batch.
        log : bool
            Whether `likelihood` holds logarithms.

        Returns
        -------
        list of integer tensors (batch, nodes)
            The symbols of every level, the leaves first.
        """
        evidence, prior = self._evidence(likelihood, log), self._prior(likelihood, prior)
        first = check.integer("first", first, 0)
        rows = range(first, first + len(likelihood))
        draws = np.stack([stream(seed, "posterior", i).random(1 + self._inner) for i in rows])
        uniforms = torch.from_numpy(draws).to(likelihood.device)
        return self._safely(self._sample, evidence, prior, uniforms)

    def reference(self, likelihood: torch.Tensor, prior: Prior = None, *, log: bool = False) -> list[torch.Tensor]:
        """Posterior marginals as sums over all strings of the grammar, in float64: what tests compare with.

        Parameters
        ----------
        likelihood : tensor (batch, leaves, v)
            p(observation | leaf = c) >= 0, up to a factor per leaf.
        prior : array (n_classes,) or (batch, n_classes), optional
            Probabilities of the classes; a one-hot row conditions on a class. Default: uniform.
        log : bool
            Whether `likelihood` holds logarithms.

        Returns
        -------
        list of tensors (batch, nodes, n_symbols), float64
            The leaves first, the root last.
        """
        self._evidence(likelihood, log)
        levels = [level.to(likelihood.device) for level in derivations(self.grammar)]
        leaf_logs = likelihood.double() if log else likelihood.double().log()
        logs = leaf_logs[:, torch.arange(self.grammar.leaves), levels[0]].sum(-1)
        logs = logs + self._prior(likelihood, prior).double().T.log()[:, levels[-1][:, 0]]
        if bool((logs.amax(1) == -torch.inf).any()):
            raise InconsistentEvidenceError("likelihood", "fits no string of the grammar", "soften it")
        sizes = [self.grammar.v] * self.grammar.depth + [self.grammar.n_classes]
        symbols = [nn.functional.one_hot(level, n).double() for level, n in zip(levels, sizes, strict=True)]
        return [torch.einsum("bn,nkc->bkc", torch.softmax(logs, 1), symbol) for symbol in symbols]

    @property
    def device(self) -> torch.device:
        """Where the rules are."""
        return self.get_buffer("order").device

    def _evidence(self, likelihood: torch.Tensor, log: bool) -> Evidence:
        likelihood = check.batch("likelihood", likelihood, (self.grammar.leaves, self.grammar.v))
        if likelihood.shape[0] == 0:
            raise EmptyDataError("likelihood", "holds no sample", "pass at least one")
        if log and not check.holds(likelihood < torch.inf):
            raise NotFiniteError("likelihood", "holds NaN or +inf", "pass logarithms < inf (-inf excludes a symbol)")
        if not log and not check.holds((likelihood >= 0) & likelihood.isfinite()):
            raise ArgumentError("likelihood", "holds negative or non-finite values", "pass finite numbers >= 0")
        # the passes keep the first children of all parents together, then the second ones, and so on
        return Evidence(likelihood.index_select(1, self.get_buffer("order")).permute(2, 1, 0).contiguous(), log)

    def _prior(self, likelihood: torch.Tensor, prior: Prior) -> torch.Tensor:
        """The checked prior of the classes, (n_classes, batch)."""
        n, batch = self.grammar.n_classes, likelihood.shape[0]
        if prior is None:
            return likelihood.new_full((n, batch), 1 / n)
        prior = check.as_float_tensor("prior", prior).to(likelihood)
        if prior.shape not in ((n,), (batch, n)):
            raise ShapeError("prior", f"has shape {tuple(prior.shape)}", f"pass ({n},) or ({batch}, {n})")
        if not check.holds(prior >= 0) or not check.holds((prior.sum(-1) - 1).abs() <= 1e-5):
            raise WeightsError("prior", "is negative or does not sum to one", "divide it by its sum")
        return prior.expand(batch, n).T.contiguous()

    def _safely(self, work: Work, evidence: Evidence, prior: torch.Tensor, *others: torch.Tensor) -> list[torch.Tensor]:
        """The results of `work`, with doubtful samples done again in logarithms and impossible ones refused."""
        if batched(evidence.values, prior):
            return as_samples(
                self._safely, work, 1 if work == self._log_evidence else len(self._width) + 1, evidence, prior
            )
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
        return [result.index_copy(0, doubtful, new) for result, new in zip(results, again, strict=True)]

    def _blocks(self, level: int, children: torch.Tensor) -> list[slice]:
        """Cuts of the columns, such that a block of (rules, columns) fits the cache."""
        room = BLOCK_BYTES["cpu" if children.device.type == "cpu" else "cuda"] // children.element_size()
        width = max(room // len(self._rules(level)), 16)
        return [slice(a, a + width) for a in range(0, children.shape[-1], width)]

    def _tuples(self, level: int, children: torch.Tensor) -> list[torch.Tensor]:
        """For each position, the messages (rules, columns) of the symbols that the rules put there."""
        return [
            child.index_select(0, rule)
            for child, rule in zip(children.unbind(1), self._rules(level).unbind(1), strict=True)
        ]

    def _to_parents(self, arithmetic: Arithmetic, level: int, children: torch.Tensor) -> Rescaled:
        """Upward messages (n_symbols, columns) of nodes whose children send (v, s, columns)."""
        rules, m = self._rules(level), self.grammar.m
        if has_kernel(arithmetic, children):
            above, largest = _kernels.upward(children.numpy(), rules.numpy(), m)
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
        if has_kernel(arithmetic, parent, children):
            below, largest = _kernels.downward(parent.numpy(), children.numpy(), rules.numpy(), m)
            return torch.from_numpy(below), torch.from_numpy(largest).log()
        for cut in self._blocks(level, children):
            start = parent[:, cut].repeat_interleave(m, 0)
            others = all_but_one(arithmetic.times, self._tuples(level, children[..., cut]), start)
            scattered = [
                arithmetic.scatter(w, rule, self.grammar.v) for w, rule in zip(others, rules.unbind(1), strict=True)
            ]
            blocks.append(torch.stack(scattered, 1))
        return arithmetic.rescale(torch.cat(blocks, -1))

    def _to_marginals(
        self, arithmetic: Arithmetic, level: int, up: torch.Tensor, down: torch.Tensor, batch: int
    ) -> Rescaled:
        """Probabilities (batch, nodes, n_symbols) ~ up x down, with the nodes from left to right."""
        place = self.get_buffer(f"place_{level}")
        if has_kernel(arithmetic, up, down):
            marginal, total = _kernels.marginals(up.numpy(), down.numpy(), place.numpy(), batch)
            return torch.from_numpy(marginal), torch.from_numpy(total).log()
        marginal, total = arithmetic.normalise(arithmetic.times(up, down))
        return marginal.view(len(marginal), -1, batch).index_select(1, place).permute(2, 1, 0), total

    def _upward(self, arithmetic: Arithmetic, evidence: Evidence) -> Upward:
        s, m, batch = self.grammar.s, self.grammar.m, evidence.values.shape[-1]
        message, scale = arithmetic.enter(evidence.values.flatten(1), evidence.log)
        log_scale, lost = summed(scale, batch), torch.where(least(scale, batch) > -torch.inf, 0.0, torch.inf)
        messages = [message]
        for level in range(self.grammar.depth):
            message, scale = self._to_parents(arithmetic, level, messages[-1].view(self.grammar.v, s, -1))
            log_scale, lost = log_scale + summed(scale, batch), lost + math.log(m * s) - least(scale, batch)
            messages.append(message)
        return Upward(messages, log_scale, lost)

    def _marginals(self, arithmetic: Arithmetic, evidence: Evidence, prior: torch.Tensor) -> Result:
        up, v, s, batch = self._upward(arithmetic, evidence), self.grammar.v, self.grammar.s, prior.shape[-1]
        down, lost, worst, levels = arithmetic.enter(prior, False)[0], up.lost, up.lost, []
        for level in range(self.grammar.depth, -1, -1):
            marginal, total = self._to_marginals(arithmetic, level, up.messages[level], down, batch)
            worst = torch.maximum(worst, lost - least(total, batch))
            levels.append(marginal)
            if level:
                children = up.messages[level - 1].view(v, s, -1)
                down, scale = self._to_children(arithmetic, level - 1, down, children)
                down, lost = down.view(v, -1), lost + math.log(self._width[level - 1] * s) - least(scale, batch)
        return levels[::-1], worst + math.log(2 * v)

    def _upward_beliefs(self, arithmetic: Arithmetic, evidence: Evidence, prior: torch.Tensor) -> Result:
        up, batch = self._upward(arithmetic, evidence), prior.shape[-1]
        flat = [arithmetic.enter(torch.ones_like(message), False)[0] for message in up.messages]
        pairs = enumerate(zip(up.messages, flat, strict=True))
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
        symbols, lost = draw(root, uniforms[:, 0]), up.lost - total
        levels, used = [symbols[:, None]], 1
        for level in range(self.grammar.depth - 1, -1, -1):
            rules = self._rules(level).view(-1, m, s)[symbols]
            children, column = up.messages[level].view(-1, s, len(symbols)), torch.arange(len(symbols))
            column = column.to(symbols.device)
            factors = [children[rules[..., i], i, column[:, None]].T for i in range(s)]
            weights, total = arithmetic.normalise(reduce(arithmetic.times, factors))
            lost = lost + math.log(m * s) - least(total, batch)
            nodes = len(symbols) // batch
            chosen = draw(weights, uniforms[:, used : used + nodes].T.flatten())
            symbols, used = rules[column, chosen].T.flatten(), used + nodes
            levels.append(symbols.view(-1, batch)[self.get_buffer(f"place_{level}")].T)
        return levels[::-1], lost
