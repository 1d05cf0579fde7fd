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

import math
from functools import reduce
from itertools import product
from typing import final

import torch
from torch import nn

from ..._support import checks as check
from ..._support.types import Points, Sigma
from ...errors import InconsistentEvidenceError, NoiseLevelError, NotFiniteError
from .._opaque import opaque
from ..closed_form import ClosedFormModule
from ..grammar import Grammar
from .channels import gaussian
from .enumeration import all_strings
from .exact import BeliefPropagation


def path_marginals(grammar: Grammar, k: int) -> torch.Tensor:
    """P_j(b | a) of the nodes j at depth k from left to right; the identity for k = 0.

    Parameters
    ----------
    grammar : Grammar
        The rules of the tree.
    k : int
        Depth below the root, 0 ... grammar.depth.

    Returns
    -------
    tensor (s^k, n_classes, v), float64
        The law of each node given the class.

    Raises
    ------
    ArgumentError
        If k is not such an integer.

    Examples
    --------
    >>> path_marginals(Grammar.random(v=4, m=2, s=2, depth=3, n_classes=3), 2).shape
    torch.Size([4, 3, 4])
    """
    k = check.integer("k", k, 0, check.instance("grammar", grammar, Grammar).depth)
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

    Parameters
    ----------
    grammar : Grammar
        The rules of the tree.
    k : int
        Depth below the root, 0 ... grammar.depth, above which correlations are ignored.

    Raises
    ------
    ArgumentError
        If k is not such an integer.
    InconsistentEvidenceError
        By the methods, where the evidence has probability zero in that model.

    Examples
    --------
    >>> grammar = Grammar.random(v=3, m=2, s=2, depth=2)
    >>> log_likelihood = torch.zeros(1, 4, 3, dtype=torch.float64)
    >>> exact = BeliefPropagation(grammar).marginals(log_likelihood, log=True)[0]
    >>> torch.allclose(FilteredPropagation(grammar, 2).leaf_posterior(log_likelihood), exact)
    True
    """

    def __init__(self, grammar: Grammar, k: int) -> None:
        super().__init__()
        self.grammar: Grammar = grammar
        self.k: int = check.integer("k", k, 0, check.instance("grammar", grammar, Grammar).depth)
        self.below: BeliefPropagation | None = (
            None if k == grammar.depth else BeliefPropagation(grammar.below(k) if k else grammar)
        )
        self.register_buffer("log_paths", path_marginals(grammar, k).log(), persistent=False)

    def leaf_posterior(self, log_likelihood: torch.Tensor) -> torch.Tensor:
        """p(leaf = c | observation).

        Parameters
        ----------
        log_likelihood : tensor (batch, leaves, v)
            log p(observation | leaf = c) < inf.

        Returns
        -------
        tensor (batch, leaves, v)
            Probabilities.
        """
        evidence = self._evidence(log_likelihood)
        if self.below is None:
            return (self._down(evidence) + evidence).softmax(-1)
        if self.k == 0:
            return self.below.marginals(evidence, log=True)[0]
        blocks = evidence.reshape(-1, self.below.grammar.leaves, self.grammar.v)
        up = self.below.class_log_likelihood(blocks, log=True)
        down = self._down(up.view(len(evidence), -1, self.grammar.v))
        marginals = self.below.marginals(blocks, down.softmax(-1).flatten(0, 1), log=True)
        return marginals[0].view_as(evidence)

    def log_evidence(self, log_likelihood: torch.Tensor) -> torch.Tensor:
        """log of the sum over all strings of the model's probability times their likelihood.

        Parameters
        ----------
        log_likelihood : tensor (batch, leaves, v)
            log p(observation | leaf = c) < inf.

        Returns
        -------
        tensor (batch,)
            In nats.
        """
        evidence = self._evidence(log_likelihood)
        up = evidence
        if self.below is not None:
            blocks = evidence.reshape(-1, self.below.grammar.leaves, self.grammar.v)
            up = self.below.class_log_likelihood(blocks, log=True).view(len(evidence), self.grammar.s**self.k, -1)
        return self._votes(up)[0].sum(1).logsumexp(-1) - math.log(self.grammar.n_classes)

    def reference(self, log_likelihood: torch.Tensor) -> torch.Tensor:
        """The same posterior as a sum over all v^leaves strings, in float64; GrammarError above 2**16 of them.

        Parameters
        ----------
        log_likelihood : tensor (batch, leaves, v)
            log p(observation | leaf = c) < inf.

        Returns
        -------
        tensor (batch, leaves, v), float64
            Probabilities.
        """
        evidence, grammar = self._evidence(log_likelihood).double(), self.grammar
        strings = all_strings(grammar.v, grammar.leaves)
        below = nn.functional.one_hot(strings, grammar.v).double()  # p(leaves below node | its symbol b)
        if self.below is not None:
            rest = self.below.grammar
            roots = torch.from_numpy(rest.parse(strings.view(-1, rest.leaves).numpy())[-1]).view(len(strings), -1, 1)
            rules = (rest.leaves - 1) // (rest.s - 1)
            below = (roots == torch.arange(rest.n_classes)).double() / rest.m**rules
        paths = path_marginals(grammar, self.k)
        prior = torch.einsum("jab,njb->nja", paths, below).prod(1).mean(1).to(evidence.device)
        logs = prior.log() + evidence[:, torch.arange(grammar.leaves), strings].sum(-1)
        leaves = nn.functional.one_hot(strings, grammar.v).to(evidence)
        return torch.einsum("bn,nic->bic", torch.softmax(logs, 1), leaves)

    def _evidence(self, log_likelihood: torch.Tensor) -> torch.Tensor:
        evidence = check.batch("log_likelihood", log_likelihood, (self.grammar.leaves, self.grammar.v))
        if not check.holds(evidence < torch.inf):
            raise NotFiniteError("log_likelihood", "holds NaN or +inf", "pass logarithms < inf")
        return evidence

    def _votes(self, up: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(what each node says of the class, (batch, s^k, n_classes); log P_j(b | a)) from log U_j(b)."""
        paths = self.get_buffer("log_paths").to(up)
        return (paths + up[:, :, None]).logsumexp(-1), paths

    def _down(self, up: torch.Tensor) -> torch.Tensor:
        """log D_j(b) from log U_j(b), both (batch, s^k, v)."""
        votes, paths = self._votes(up)
        total = votes.sum(1)
        if not check.holds(total.amax(-1) > -torch.inf):
            first = int((total.amax(-1) == -torch.inf).nonzero()[0, 0])
            raise InconsistentEvidenceError(
                "log_likelihood", f"fits no filtered string in sample {first}", "soften the likelihood"
            )
        others = torch.stack([torch.cat([votes[:, :j], votes[:, j + 1 :]], 1).sum(1) for j in range(votes.shape[1])], 1)
        return (paths + others[..., None]).logsumexp(2)


@final
class FilteredDenoiser(ClosedFormModule):
    """E[x0 | x = x0 + sigma n] of the k-filtered model, on one-hot tensors (batch, leaves, v).

    Parameters
    ----------
    grammar : Grammar
        The rules of the tree.
    k : int
        Depth below the root, 0 ... grammar.depth, above which correlations are ignored.

    Raises
    ------
    ArgumentError
        If k is not such an integer.
    InconsistentEvidenceError
        By the methods, where the evidence has probability zero in that model.

    Examples
    --------
    >>> grammar = Grammar.random(v=3, m=2, s=2, depth=2)
    >>> FilteredDenoiser(grammar, 1)(torch.zeros(1, 4, 3, dtype=torch.float64), 1.0).shape
    torch.Size([1, 4, 3])
    """

    propagation: FilteredPropagation

    def __init__(self, grammar: Grammar, k: int) -> None:
        super().__init__()
        self.propagation = FilteredPropagation(grammar, k)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(leaves, v)."""
        return (self.propagation.grammar.leaves, self.propagation.grammar.v)

    @property
    def dtype(self) -> None:
        """None: it computes in the dtype of x."""
        return None

    @property
    def device(self) -> torch.device:
        """Where the rules are and x must lie."""
        return self.propagation.get_buffer("log_paths").device

    def _facts(self) -> dict[str, object]:
        grammar = self.propagation.grammar
        return {"k": self.propagation.k, "v": grammar.v, "m": grammar.m, "s": grammar.s, "depth": grammar.depth}

    @opaque
    def forward(self, x: Points, sigma: Sigma) -> Points:
        """The posterior mean.

        Parameters
        ----------
        x : tensor (batch, leaves, v)
            Noisy one-hot strings.
        sigma : float or tensor (batch,)
            Noise level from 0 to inf.

        Returns
        -------
        tensor (batch, leaves, v)
            E[x0 | x], like `x`.
        """
        return self.propagation.leaf_posterior(self._log_likelihood(x, sigma))

    def reference(self, x: Points, sigma: Sigma) -> Points:
        """The posterior mean as a sum over all v^leaves strings, in float64; GrammarError above 2**16 of them.

        Parameters
        ----------
        x : tensor (batch, leaves, v)
            Noisy one-hot strings.
        sigma : float or tensor (batch,)
            Noise level, 0 < sigma < inf.

        Returns
        -------
        tensor (batch, leaves, v), float64
            E[x0 | x].
        """
        return self.propagation.reference(self._log_likelihood(x.double(), sigma))

    @opaque
    def log_density(self, x: Points, sigma: Sigma) -> torch.Tensor:
        """log p_sigma(x) of the k-filtered model; NoiseLevelError unless 0 < sigma < inf.

        Parameters
        ----------
        x : tensor (batch, leaves, v)
            Noisy one-hot strings.
        sigma : float or tensor (batch,)
            Noise level, 0 < sigma < inf.

        Returns
        -------
        tensor (batch,)
            In nats.
        """
        logs = self._log_likelihood(x, sigma)
        sigma = check.sigmas("sigma", sigma, x)
        if not check.holds((sigma > 0) & sigma.isfinite()):
            raise NoiseLevelError("sigma", "holds 0 or inf", "pass finite noise levels > 0 for a density")
        return self.propagation.log_evidence(logs) + gaussian.log_offset(x, sigma)

    def _log_likelihood(self, x: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        x = check.batch("x", x, self.event_shape)
        return gaussian.log_likelihood(x, self.event_shape[1], check.sigmas("sigma", sigma, x))
