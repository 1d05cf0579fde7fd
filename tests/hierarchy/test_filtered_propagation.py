"""k-filtered belief propagation against enumeration, against sampling, and at both ends of k."""

from itertools import product

import numpy as np
import pytest
import torch

from idealscore.errors import ArgumentError, InconsistentEvidenceError, NotFiniteError
from idealscore.simulate.hierarchy import sample
from idealscore.theory.belief_propagation import (
    BeliefPropagation,
    FilteredDenoiser,
    FilteredPropagation,
    HierarchicalDenoiser,
    path_marginals,
)
from idealscore.theory.grammar import Grammar

from closed_forms import ClosedFormTests


class TestSurface(ClosedFormTests):
    def make(self):
        return FilteredDenoiser(Grammar.random(3, 2, 2, 2, seed=1), 1)


def test_evidence_without_a_filter_is_that_of_belief_propagation():
    grammar = Grammar.random(3, 2, 2, 2, seed=1)
    evidence = random_evidence(grammar)
    found = FilteredPropagation(grammar, 0).log_evidence(evidence)
    torch.testing.assert_close(found, BeliefPropagation(grammar).log_evidence(evidence, log=True))
    x = torch.randn(3, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    density = FilteredDenoiser(grammar, 0).log_density(x, 0.6)
    torch.testing.assert_close(density, HierarchicalDenoiser(grammar).log_density(x, 0.6))


def random_evidence(grammar, n=4):
    draws = np.random.default_rng(0).normal(size=(n, grammar.leaves, grammar.v))
    return torch.from_numpy(2 * draws)


def enumerated(grammar, k, log_likelihood):
    """Leaf posterior by summing over all v^leaves strings."""
    strings = np.array(list(product(range(grammar.v), repeat=grammar.leaves)))
    nodes = grammar.s**k
    if k == grammar.depth:
        below = np.eye(grammar.v)[strings]
    else:
        rest = grammar.below(k) if k else grammar
        roots = rest.parse(strings.reshape(-1, rest.leaves))[-1].reshape(len(strings), nodes)
        inner = (rest.leaves - 1) // (rest.s - 1)
        below = (roots[..., None] == np.arange(rest.n_classes)) / rest.m**inner
    prior = np.einsum("jab,njb->nja", path_marginals(grammar, k).numpy(), below).prod(1).mean(1)
    assert prior.sum() == pytest.approx(1, abs=1e-12)
    evidence = log_likelihood.numpy()[:, np.arange(grammar.leaves), strings].sum(-1)
    weights = prior * np.exp(evidence - evidence.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    return np.einsum("bn,nic->bic", weights, np.eye(grammar.v)[strings])


@pytest.mark.parametrize("shape", [(3, 2, 2, 2, None), (3, 2, 2, 3, 2), (2, 1, 3, 2, 3), (2, 2, 2, 3, None)])
def test_equals_enumeration_for_every_k(shape):
    v, m, s, depth, n_classes = shape
    grammar = Grammar.random(v, m, s, depth, n_classes, seed=3)
    evidence = random_evidence(grammar)
    for k in range(depth + 1):
        found = FilteredPropagation(grammar, k).leaf_posterior(evidence).numpy()
        np.testing.assert_allclose(found, enumerated(grammar, k, evidence), atol=1e-12)
        np.testing.assert_allclose(found, FilteredPropagation(grammar, k).reference(evidence), atol=1e-12)


def test_no_filter_is_belief_propagation_and_filters_differ():
    grammar = Grammar.random(6, 3, 2, 3, seed=1)
    evidence = random_evidence(grammar)
    exact = BeliefPropagation(grammar).marginals(evidence, log=True)[0]
    assert torch.equal(FilteredPropagation(grammar, 0).leaf_posterior(evidence), exact)
    for k in (1, 2, 3):
        assert (FilteredPropagation(grammar, k).leaf_posterior(evidence) - exact).abs().max() > 0.01
    x = torch.randn(4, 8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(FilteredDenoiser(grammar, 0)(x, 0.7), HierarchicalDenoiser(grammar)(x, 0.7))


def test_path_marginals_are_the_frequencies_of_sampled_strings():
    """20,000 strings; each of 8 x 5 x 2 cells within 6 standard errors of a proportion (false positives < 1e-6)."""
    grammar, n = Grammar.random(5, 2, 2, 3, n_classes=2, seed=2), 20_000
    levels = sample(grammar, n)
    classes = levels[-1][:, 0]
    expected = path_marginals(grammar, 3).numpy()
    for a in range(2):
        mine = levels[0][classes == a]
        frequency = (mine[..., None] == np.arange(5)).mean(0)
        error = np.sqrt(expected[:, a] * (1 - expected[:, a]) / len(mine))
        assert (np.abs(frequency - expected[:, a]) <= 6 * error + 1e-12).all()
    wrong = path_marginals(Grammar.random(5, 2, 2, 3, n_classes=2, seed=3), 3).numpy()
    assert np.abs(wrong - expected).max() > 0.1


def test_each_optimum_is_the_best_on_its_own_data():
    """The mean log posterior of the truth is highest for the matched k, row by row.

    The margins below are at least 5 standard errors of the paired difference, which the test computes.
    """
    grammar = Grammar.random(8, 3, 2, 3, seed=0)
    for k in range(4):
        truth = sample(grammar, 2000, seed=1, filtered=k)[0]
        hidden = np.random.default_rng(k).random(truth.shape) < 0.5
        logs = torch.from_numpy(np.where(hidden[..., None], 0.0, np.where(np.eye(8)[truth] > 0, 0.0, -1e3)))
        scores = []
        for oracle in range(4):
            posterior = FilteredPropagation(grammar, oracle).leaf_posterior(logs).numpy()
            scores.append(np.log(np.take_along_axis(posterior, truth[..., None], 2)[..., 0] + 1e-6).mean(1))
        for oracle in set(range(4)) - {k}:
            gap = scores[k] - scores[oracle]
            assert gap.mean() > 5 * gap.std() / np.sqrt(len(gap)), (k, oracle)


def test_bad_input():
    grammar = Grammar.random(3, 1, 2, 2, seed=0)
    with pytest.raises(ArgumentError, match="k"):
        FilteredPropagation(grammar, 3)
    with pytest.raises(NotFiniteError, match="log_likelihood"):
        FilteredPropagation(grammar, 1).leaf_posterior(torch.full((1, 4, 3), torch.nan))
    impossible = torch.full((2, 4, 3), 0.0, dtype=torch.float64)
    for k in (1, 2):
        nothing = impossible.clone()
        nothing[1, 0] = -torch.inf
        with pytest.raises(InconsistentEvidenceError, match="1"):
            FilteredPropagation(grammar, k).leaf_posterior(nothing)
