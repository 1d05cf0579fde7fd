r"""Belief propagation that ignores the correlations of the upper levels: the family of optima BP_k.

In the k-filtered model of a grammar the nodes at depth k below the root are drawn independently given the class a,
with the law that the grammar gives to each of them, and produce their own subtrees as before
([@GarnierBrun2025], Eq. 1):

    P_j(b | a) = (T_0^{(i_0)} ... T_{k-1}^{(i_{k-1})})_{ab},   T_l^{(i)}_{ab} = #{rules of a with b at position i} / m

where i_0 ... i_{k-1} is the path to node j. k = 0 is the grammar itself; with k = depth all leaves are independent
given the class (naive Bayes). With U_j the message that belief propagation sends up from subtree j, the message down
to it is D_j(b) = sum_a p(a) P_j(b|a) prod_{i != j} sum_c P_i(c|a) U_i(c), exactly.
"""

from __future__ import annotations

from functools import reduce
from itertools import product
from typing import Any

import torch
from torch import nn

from ..._support import checks as check
from ...errors import InconsistentEvidenceError, NotFiniteError
from ..grammar import Grammar
from .channels import gaussian
from .exact import BeliefPropagation


def path_marginals(grammar: Grammar, k: int) -> torch.Tensor:
    """P_j(b | a) of the nodes j at depth k from left to right, (s^k, n_classes, v); the identity for k = 0.

    >>> path_marginals(Grammar.random(v=4, m=2, s=2, depth=3, n_classes=3), 2).shape
    torch.Size([4, 3, 4])
    """
    k = check.integer("k", k, 0, grammar.depth)
    steps = []
    for rules in map(torch.tensor, grammar.rules[:k]):
        step = torch.zeros(grammar.s, len(rules), grammar.v, dtype=torch.float64)
        ones = torch.full(rules.shape[:2], 1 / grammar.m, dtype=torch.float64)
        for i in range(grammar.s):
            step[i].scatter_add_(1, rules[..., i], ones)
        steps.append(step)
    start = torch.eye(grammar.n_classes, dtype=torch.float64)
    return torch.stack([reduce(torch.matmul, path, start) for path in product(*steps)])


class FilteredPropagation(nn.Module):
    """Exact posterior of the leaves in the k-filtered model of `grammar`.

    Raises InconsistentEvidenceError where the evidence has probability zero in that model.

    >>> grammar = Grammar.random(v=3, m=2, s=2, depth=2)
    >>> log_likelihood = torch.zeros(1, 4, 3, dtype=torch.float64)
    >>> exact = BeliefPropagation(grammar).marginals(log_likelihood, log=True)[0]
    >>> torch.allclose(FilteredPropagation(grammar, 2).leaf_posterior(log_likelihood), exact)
    True
    """

    def __init__(self, grammar: Grammar, k: int) -> None:
        super().__init__()
        self.grammar, self.k = grammar, check.integer("k", k, 0, grammar.depth)
        self.below = None if k == grammar.depth else BeliefPropagation(grammar.below(k) if k else grammar)
        self.register_buffer("log_paths", path_marginals(grammar, k).log(), persistent=False)

    def leaf_posterior(self, log_likelihood: torch.Tensor) -> torch.Tensor:
        """p(leaf = c | observation) given log p(observation | leaf = c), both (batch, leaves, v)."""
        evidence = check.batch("log_likelihood", log_likelihood, (self.grammar.leaves, self.grammar.v))
        if bool((evidence.isnan() | (evidence == torch.inf)).any()):
            raise NotFiniteError("log_likelihood", "holds NaN or +inf", "pass logarithms < inf")
        if self.below is None:
            return (self._down(evidence) + evidence).softmax(-1)
        if self.k == 0:
            return self.below.marginals(evidence, log=True)[0]
        blocks = evidence.reshape(-1, self.below.grammar.leaves, self.grammar.v)
        up = self.below.class_log_likelihood(blocks, log=True)
        down = self._down(up.view(len(evidence), -1, self.grammar.v))
        marginals = self.below.marginals(blocks, down.softmax(-1).flatten(0, 1), log=True)
        return marginals[0].view_as(evidence)

    def _down(self, up: torch.Tensor) -> torch.Tensor:
        """log D_j(b) from log U_j(b), both (batch, s^k, v)."""
        paths = self.get_buffer("log_paths").to(up)
        votes = (paths + up[:, :, None]).logsumexp(-1)
        total = votes.sum(1)
        impossible = (total.amax(-1) == -torch.inf).nonzero().flatten().tolist()
        if impossible:
            raise InconsistentEvidenceError(
                "log_likelihood", f"fits no filtered string in sample {impossible[0]}", "soften the likelihood"
            )
        others = torch.stack([torch.cat([votes[:, :j], votes[:, j + 1 :]], 1).sum(1) for j in range(votes.shape[1])], 1)
        return (paths + others[..., None]).logsumexp(2)


class FilteredDenoiser(nn.Module):
    """E[x0 | x = x0 + sigma n] of the k-filtered model, on one-hot tensors (batch, leaves, v).

    >>> grammar = Grammar.random(v=3, m=2, s=2, depth=2)
    >>> FilteredDenoiser(grammar, 1)(torch.zeros(1, 4, 3, dtype=torch.float64), 1.0).shape
    torch.Size([1, 4, 3])
    """

    def __init__(self, grammar: Grammar, k: int) -> None:
        super().__init__()
        self.propagation = FilteredPropagation(grammar, k)

    def forward(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        """The posterior mean, like `x`."""
        grammar = self.propagation.grammar
        x = check.batch("x", x, (grammar.leaves, grammar.v))
        return self.propagation.leaf_posterior(gaussian.log_likelihood(x, grammar.v, check.sigmas("sigma", sigma, x)))
