"""The optimal denoiser of hierarchical data: the leaf marginals of belief propagation under Gaussian noise."""

from __future__ import annotations

from typing import final

import torch
from torch import nn

from ..._support import checks as check
from ..._support.types import ArrayLike, Points, Sigma
from ...errors import ArgumentError, NoiseLevelError, ShapeError
from .._opaque import opaque
from ..closed_form import ClosedFormModule
from ..grammar import Grammar
from .channels import gaussian, one_hot
from .enumeration import derivations
from .exact import BeliefPropagation


@final
class HierarchicalDenoiser(ClosedFormModule):
    """E[x0 | x = x0 + sigma n] for strings of `grammar` as one-hot tensors (batch, leaves, v): the optimal denoiser.

    It is the leaf marginal under the Gaussian channel, exact at any sigma from 0 (the nearest string; ties share) to
    inf (the mean of the data). It computes in the dtype of x [@Sclocchi2025].

    Parameters
    ----------
    grammar : Grammar
        The rules of the data.

    Raises
    ------
    ArgumentError
        If `grammar` is not a Grammar.

    Examples
    --------
    >>> grammar = Grammar.random(v=3, m=2, s=2, depth=2)
    >>> denoiser = HierarchicalDenoiser(grammar)
    >>> denoiser
    HierarchicalDenoiser(v=3, m=2, s=2, depth=2, n_classes=3, event=(4, 3), cpu)
    >>> denoised = denoiser(torch.zeros(1, 4, 3, dtype=torch.float64), 1.0)
    >>> denoised.shape, bool((denoised.sum(-1) - 1).abs().max() < 1e-12)
    (torch.Size([1, 4, 3]), True)
    """

    belief_propagation: BeliefPropagation

    def __init__(self, grammar: Grammar) -> None:
        super().__init__()
        self.belief_propagation = BeliefPropagation(grammar)

    @property
    def grammar(self) -> Grammar:
        """The rules of the data."""
        return self.belief_propagation.grammar

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(leaves, v)."""
        return (self.grammar.leaves, self.grammar.v)

    @property
    def dtype(self) -> None:
        """None: it computes in the dtype of x."""
        return None

    @property
    def device(self) -> torch.device:
        """Where the rules are and x must lie."""
        return self.belief_propagation.device

    def _facts(self) -> dict[str, object]:
        return {name: getattr(self.grammar, name) for name in ("v", "m", "s", "depth", "n_classes")}

    @opaque
    def forward(self, x: Points, sigma: Sigma, condition: ArrayLike | None = None) -> Points:
        """The posterior mean.

        Parameters
        ----------
        x : tensor (batch, leaves, v)
            Noisy one-hot strings.
        sigma : float or tensor (batch,)
            Noise level from 0 to inf.
        condition : int or integers (batch,), optional
            A class, or one class per sample. Default: all classes equally likely.

        Returns
        -------
        tensor (batch, leaves, v)
            E[x0 | x], like `x`.
        """
        return self.posterior(x, sigma, condition)[0]

    def reference(self, x: Points, sigma: Sigma, condition: ArrayLike | None = None) -> Points:
        """The posterior mean as a sum over all strings of the grammar, in float64: what tests compare with.

        Parameters
        ----------
        x : tensor (batch, leaves, v)
            Noisy one-hot strings.
        sigma : float or tensor (batch,)
            Noise level, 0 < sigma < inf.
        condition : int or integers (batch,), optional
            A class, or one class per sample.

        Returns
        -------
        tensor (batch, leaves, v), float64
            sum_y y p(y) exp(-|x - y|^2 / 2 sigma^2) / sum_y p(y) exp(-|x - y|^2 / 2 sigma^2).

        Raises
        ------
        GrammarError
            If the grammar has more than 2**16 strings.
        NoiseLevelError
            Unless 0 < sigma < inf.
        """
        x = check.batch("x", x, self.event_shape)
        sigma, prior = self._positive(x, sigma).double(), self._class_prior(condition, x)
        levels = [level.to(x.device) for level in derivations(self.grammar)]
        y = nn.functional.one_hot(levels[0], self.grammar.v).double().flatten(1)
        logits = x.double().flatten(1) @ y.T / sigma[:, None] ** 2  # -|x - y|^2 / 2 sigma^2, as |y| is the same for all
        if prior is not None:
            logits = logits + prior.double().log()[:, levels[-1][:, 0]]
        return (torch.softmax(logits, 1) @ y).reshape(x.shape)

    def posterior(self, x: Points, sigma: Sigma, condition: ArrayLike | None = None) -> list[torch.Tensor]:
        """Posterior marginals of every level, the leaves first.

        Parameters
        ----------
        x : tensor (batch, leaves, v)
            Noisy one-hot strings.
        sigma : float or tensor (batch,)
            Noise level from 0 to inf.
        condition : int or integers (batch,), optional
            A class, or one class per sample.

        Returns
        -------
        list of tensors (batch, nodes, n_symbols)
            One per level, the root last.
        """
        evidence = self._log_likelihood(x, sigma)
        return self.belief_propagation.marginals(evidence, self._class_prior(condition, x), log=True)

    @opaque
    def log_density(self, x: Points, sigma: Sigma, condition: ArrayLike | None = None) -> torch.Tensor:
        """log p_sigma(x), given the class if `condition` is.

        Parameters
        ----------
        x : tensor (batch, leaves, v)
            Noisy one-hot strings.
        sigma : float or tensor (batch,)
            Noise level, 0 < sigma < inf.
        condition : int or integers (batch,), optional
            A class, or one class per sample.

        Returns
        -------
        tensor (batch,)
            In nats.

        Raises
        ------
        NoiseLevelError
            Unless 0 < sigma < inf.
        """
        evidence, prior = self._log_likelihood(x, sigma), self._class_prior(condition, x)
        offset = gaussian.log_offset(x, self._positive(x, sigma))
        return self.belief_propagation.log_evidence(evidence, prior, log=True) + offset

    def sample(self, n: int, seed: int = 0) -> Points:
        """Strings of the grammar, all equally likely.

        Parameters
        ----------
        n : int
            Number of draws.
        seed : int
            Draw i depends on the seed and on i, not on n.

        Returns
        -------
        tensor (n, leaves, v), float64
            One-hot strings.
        """
        shape = (check.integer("n", n, 1), *self.event_shape)
        flat = torch.ones(shape, dtype=torch.float64, device=self.device)
        return one_hot(self.belief_propagation.sample(flat, seed=seed)[0], self.grammar.v)

    def _class_prior(self, condition: ArrayLike | None, x: torch.Tensor) -> torch.Tensor | None:
        """The chosen classes as one-hot rows (batch, n_classes)."""
        if condition is None:
            return None
        classes = torch.as_tensor(condition, device=x.device)
        n = self.grammar.n_classes
        if classes.ndim > 1 or (classes.ndim == 1 and len(classes) != len(x)):
            raise ShapeError("condition", f"has shape {tuple(classes.shape)}", "pass a class or one per sample")
        if classes.is_floating_point() or bool(((classes < 0) | (classes >= n)).any()):
            raise ArgumentError("condition", "holds values that are not classes", f"pass integers 0 ... {n - 1}")
        return nn.functional.one_hot(classes.long().expand(len(x)), n).to(x.dtype)

    def _log_likelihood(self, x: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        x = check.batch("x", x, self.event_shape)
        return gaussian.log_likelihood(x, self.grammar.v, check.sigmas("sigma", sigma, x))

    def _positive(self, x: torch.Tensor, sigma: Sigma) -> torch.Tensor:
        sigma = check.sigmas("sigma", sigma, x)
        if not check.holds((sigma > 0) & sigma.isfinite()):
            raise NoiseLevelError("sigma", "holds 0 or inf", "pass finite noise levels > 0 for a density")
        return sigma
