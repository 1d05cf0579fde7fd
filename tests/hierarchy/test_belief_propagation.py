"""Belief propagation against full enumeration, another library, and itself in the other arithmetic."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from idealscore.errors import (
    ArgumentError,
    EmptyDataError,
    GrammarError,
    InconsistentEvidenceError,
    NoiseLevelError,
    NotFiniteError,
    ShapeError,
    UnknownNameError,
    WeightsError,
)
from idealscore.theory.belief_propagation import BeliefPropagation, HierarchicalDenoiser
from idealscore.theory.belief_propagation import channels as leaf_channels
from idealscore.theory.belief_propagation.arithmetic import Logarithmic, Plain
from idealscore.theory.denoiser import posterior_covariance, score
from idealscore.theory.grammar import Grammar

from checkout import TESTS
from closed_forms import ClosedFormTests

SMALL = [(3, 2, 2, 2, 3), (4, 2, 2, 3, 4), (3, 3, 2, 2, 3), (3, 2, 3, 2, 3), (5, 1, 2, 3, 5), (4, 3, 2, 2, 2)]
SMALL += [(4, 2, 2, 2, 6), (3, 2, 4, 1, 2)]


class TestSurface(ClosedFormTests):
    def make(self):
        return HierarchicalDenoiser(Grammar.random(3, 2, 2, 2, seed=1))


def grammars():
    return [pytest.param(Grammar.random(*case, seed=1), id=str(case)) for case in SMALL]


def enumerate_levels(grammar):
    """Every derivation: the symbols of every level (n_strings, nodes), the leaves first."""
    levels = [np.arange(grammar.n_classes)[:, None]]
    for rules in grammar.rules:
        choices = np.array(list(itertools.product(range(grammar.m), repeat=levels[-1].shape[1])))
        repeat = np.repeat(np.arange(len(levels[-1])), len(choices))
        parents, chosen = levels[-1][repeat], np.tile(choices, (len(levels[-1]), 1))
        levels = [level[repeat] for level in levels] + [rules[parents, chosen].reshape(len(repeat), -1)]
    return levels[::-1]


def soft(grammar, batch=3, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, grammar.leaves, grammar.v, dtype=torch.float64, generator=generator).to(dtype)


def exact_weights(likelihood, strings):
    """(batch, n_strings): product of the leaf likelihoods."""
    chosen = likelihood.numpy()[:, np.arange(strings.shape[1]), strings]
    return chosen.prod(-1)


def exact_marginals(weights, levels, grammar):
    weights = weights / weights.sum(1, keepdims=True)
    sizes = [grammar.v] * grammar.depth + [grammar.n_classes]
    return [np.einsum("bn,nkc->bkc", weights, np.eye(n)[level]) for n, level in zip(sizes, levels, strict=True)]


def test_number_of_derivations():
    counted = []
    for case in SMALL[:6]:
        grammar = Grammar.random(*case, seed=1)
        strings = enumerate_levels(grammar)[0]
        assert len(strings) == len(np.unique(strings, axis=0)) == grammar.n_strings
        counted.append(len(strings))
    assert counted == [24, 512, 81, 48, 5, 54]


@pytest.mark.parametrize("grammar", grammars())
@pytest.mark.parametrize("differentiable", [False, True], ids=["compiled", "torch"])
@pytest.mark.parametrize("log", [False, True])
def test_equals_enumeration(grammar, differentiable, log):
    levels, likelihood = enumerate_levels(grammar), soft(grammar)
    weights = exact_weights(likelihood, levels[0])
    given_ = (likelihood.log() if log else likelihood).requires_grad_(differentiable)
    bp = BeliefPropagation(grammar)
    for found, exact in zip(bp.marginals(given_, log=log), exact_marginals(weights, levels, grammar), strict=True):
        np.testing.assert_allclose(found.detach(), exact, atol=1e-12)
    for found, literal in zip(bp.marginals(given_, log=log), bp.reference(given_, log=log), strict=True):
        torch.testing.assert_close(found, literal, atol=1e-12, rtol=0)
    evidence = bp.log_evidence(given_, log=log).detach()
    np.testing.assert_allclose(evidence, np.log(weights.mean(1)), atol=1e-12)


@pytest.mark.parametrize("grammar", grammars())
def test_logarithms_equal_plain_numbers(grammar):
    bp, likelihood = BeliefPropagation(grammar), soft(grammar)
    evidence, prior = bp._evidence(likelihood, False), bp._prior(likelihood, None)
    plain, logarithmic = bp._marginals(Plain, evidence, prior)[0], bp._marginals(Logarithmic, evidence, prior)[0]
    for a, b in zip(plain, logarithmic, strict=True):
        torch.testing.assert_close(a, b, atol=1e-13, rtol=0)


@pytest.mark.parametrize("grammar", grammars())
def test_conditioning_on_a_class(grammar):
    levels, likelihood = enumerate_levels(grammar), soft(grammar)
    classes = np.arange(3) % grammar.n_classes
    weights = exact_weights(likelihood, levels[0]) * (levels[-1][:, 0] == classes[:, None])
    bp, prior = BeliefPropagation(grammar), torch.eye(grammar.n_classes, dtype=torch.float64)[classes]
    for found, exact in zip(bp.marginals(likelihood, prior), exact_marginals(weights, levels, grammar), strict=True):
        np.testing.assert_allclose(found, exact, atol=1e-12)
    exact = np.log(weights.mean(1) * grammar.n_classes)
    np.testing.assert_allclose(bp.log_evidence(likelihood, prior), exact, atol=1e-12)
    by_class = bp.class_log_likelihood(likelihood)[range(3), classes]
    np.testing.assert_allclose(by_class, exact, atol=1e-12)


@pytest.mark.parametrize("log", [False, True])
def test_posterior_samples_have_the_enumerated_law(log):
    # chi-square over 24 strings, n = 20000: false positives 1e-6; drawing from the prior instead must be refused
    from scipy.stats import chi2

    grammar = Grammar.random(3, 2, 2, 2, seed=1)
    levels, likelihood, n = enumerate_levels(grammar), soft(grammar, 1), 20000
    weights = exact_weights(likelihood, levels[0])[0]
    expected = n * weights / weights.sum()
    many = likelihood.expand(n, -1, -1)
    drawn = BeliefPropagation(grammar).sample(many.log() if log else many, log=log, seed=5)
    code = 3 ** np.arange(grammar.leaves)
    order = np.argsort(levels[0] @ code)
    place = np.searchsorted((levels[0] @ code)[order], drawn[0].numpy() @ code)
    counts = np.zeros(len(order))
    counts[order] = np.bincount(place, minlength=len(order))
    limit = chi2.isf(1e-6, len(counts) - 1)
    assert ((counts - expected) ** 2 / expected).sum() < limit
    assert ((counts - n / len(counts)) ** 2 / (n / len(counts))).sum() > limit
    parsed = grammar.parse(drawn[0].numpy())
    for a, b in zip(parsed, drawn, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_sample_does_not_depend_on_its_batch():
    grammar = Grammar.random(6, 2, 2, 3)
    bp, likelihood = BeliefPropagation(grammar), soft(grammar, 7)
    together = bp.sample(likelihood, seed=3)
    for i in range(7):
        alone = bp.sample(likelihood[i : i + 1], seed=3, first=i)
        assert all(torch.equal(a[i : i + 1], b) for a, b in zip(together, alone, strict=True))


@pytest.mark.parametrize("case", [(4, 3, 2, 3), (8, 3, 2, 6), (8, 6, 3, 3), (4, 3, 2, 2, 2)], ids=str)
def test_equals_pyagrum(case, tmp_path):
    pytest.importorskip("pyagrum")
    grammar = Grammar.random(*case, seed=2)
    likelihood = soft(grammar, 1)
    grammar.save(tmp_path / "grammar.json")
    np.save(tmp_path / "likelihood.npy", likelihood[0])
    files = [str(tmp_path / name) for name in ("grammar.json", "likelihood.npy", "exact.npz")]
    subprocess.run([sys.executable, str(TESTS / "_junction_tree.py"), *files], check=True)
    with np.load(tmp_path / "exact.npz") as exact:
        for level, found in enumerate(BeliefPropagation(grammar).marginals(likelihood)):
            np.testing.assert_allclose(found[0], exact[f"arr_{level}"], atol=1e-12)


@given(seed=st.integers(0, 2**20), strength=st.floats(0.01, 1e4))
def test_fallback_to_logarithms_is_exact_where_plain_numbers_underflow(seed, strength):
    grammar = Grammar.random(3, 2, 2, 2, seed=1)
    levels = enumerate_levels(grammar)
    logs = -strength * soft(grammar, 2, seed)
    total = logs.numpy()[:, np.arange(4), levels[0]].sum(-1)
    weights = np.exp(total - total.max(1, keepdims=True))
    bp = BeliefPropagation(grammar)
    for found, exact in zip(bp.marginals(logs, log=True), exact_marginals(weights, levels, grammar), strict=True):
        np.testing.assert_allclose(found, exact, atol=1e-9)
    np.testing.assert_allclose(
        bp.log_evidence(logs, log=True), np.log(weights.mean(1)) + total.max(1), rtol=1e-12, atol=1e-12
    )


def test_every_kind_of_evidence_is_finite_and_normalised_deep_down():
    grammar = Grammar.random(32, 8, 2, 12)
    rng = np.random.default_rng(0)
    strings = BeliefPropagation(grammar).sample(torch.ones(2, grammar.leaves, 32))[0].numpy()
    bp = BeliefPropagation(grammar)
    for name, noise in [("masking", 0.0), ("masking", 0.9), ("uniform", 0.3), ("gaussian", 1e-3), ("epsilon", 0.0)]:
        channel = leaf_channels.CHANNELS[name]
        observed = channel.corrupt(strings, 32, noise, rng)
        for dtype in (torch.float64, torch.float32):
            logs = channel.log_likelihood(observed, 32, noise).to(dtype)
            for level in bp.marginals(logs, log=True):
                assert (
                    level.isfinite().all()
                    and ((level.sum(-1) - 1).abs() < (1e-12 if dtype.itemsize == 8 else 1e-5)).all()
                )


@pytest.mark.parametrize("log", [False, True])
def test_impossible_evidence_names_the_sample(log):
    grammar = Grammar.random(4, 2, 2, 2, seed=3)
    valid = grammar.rules[1][grammar.rules[0][0, 0]][:, 0].reshape(1, -1)
    strings = np.repeat(valid, 3, 0)
    everything = np.array(list(itertools.product(range(4), repeat=4)))
    strings[1] = everything[grammar.parse(everything)[-1][:, 0] < 0][0]
    likelihood = leaf_channels.one_hot(strings, 4)
    bp = BeliefPropagation(grammar)
    for work in (bp.marginals, bp.log_evidence, bp.sample):
        with pytest.raises(InconsistentEvidenceError, match="sample 1;"):
            work(likelihood.log() if log else likelihood, log=log)
        work(likelihood[[0, 2]])
    with pytest.raises(InconsistentEvidenceError, match="sample 0, 1, 2"):
        bp.marginals(torch.zeros_like(likelihood))


def test_likelihoods_need_no_norm():
    grammar = Grammar.random(4, 2, 2, 3)
    bp, likelihood = BeliefPropagation(grammar), soft(grammar)
    scale = torch.logspace(-200, 200, grammar.leaves, dtype=torch.float64)[:, None]
    for a, b in zip(bp.marginals(likelihood), bp.marginals(likelihood * scale), strict=True):
        torch.testing.assert_close(a, b, atol=1e-13, rtol=0)
    shifted = bp.log_evidence(likelihood) + scale.log().sum()
    torch.testing.assert_close(bp.log_evidence(likelihood * scale), shifted, atol=1e-10, rtol=0)


@pytest.mark.parametrize("grammar", grammars())
def test_gradients(grammar):
    bp, likelihood = BeliefPropagation(grammar), soft(grammar, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: tuple(bp.marginals(w)), likelihood)
    assert torch.autograd.gradcheck(bp.log_evidence, likelihood)
    logs = soft(grammar, 2) * 3
    exact = torch.autograd.functional.jacobian(lambda w: bp.log_evidence(w, log=True).sum(), logs)
    torch.testing.assert_close(exact, bp.marginals(logs, log=True)[0], atol=1e-12, rtol=0)


def test_gradients_in_logarithms_are_finite_where_symbols_are_excluded():
    grammar = Grammar.random(8, 2, 2, 3, seed=1)
    bp = BeliefPropagation(grammar)
    string = bp.sample(soft(grammar, 1))[0]
    logs = (1000 * leaf_channels.one_hot(string, 8)).requires_grad_()
    for work in (bp._marginals, bp._log_evidence):
        results, _ = work(Logarithmic, bp._evidence(logs, True), bp._prior(logs, None))
        (gradient,) = torch.autograd.grad(torch.stack([r.square().sum() for r in results]).sum(), logs)
        assert gradient.isfinite().all()


def test_block_size_changes_nothing(monkeypatch):
    grammar = Grammar.random(8, 4, 2, 4)
    bp, likelihood = BeliefPropagation(grammar), soft(grammar, 20).requires_grad_()
    whole = bp.marginals(likelihood)
    monkeypatch.setattr("idealscore.theory.belief_propagation.exact.BLOCK_BYTES", {"cpu": 1, "cuda": 1})
    for a, b in zip(whole, bp.marginals(likelihood), strict=True):
        torch.testing.assert_close(a, b, atol=1e-15, rtol=0)


def test_float32():
    grammar = Grammar.random(16, 4, 2, 6)
    likelihood = soft(grammar)
    bp = BeliefPropagation(grammar)
    for a, b in zip(bp.marginals(likelihood), bp.marginals(likelihood.float()), strict=True):
        assert b.dtype == torch.float32
        torch.testing.assert_close(a.float(), b, atol=3e-6, rtol=0)


def test_a_large_vocabulary():
    grammar = Grammar.random(256, 8, 3, 3)
    for level in BeliefPropagation(grammar).marginals(soft(grammar, 2)):
        assert level.isfinite().all()


@pytest.mark.parametrize("grammar", grammars()[:4])
@pytest.mark.parametrize("sigma", [0.3, 1.0, 4.0])
def test_denoiser_equals_the_posterior_mean(grammar, sigma):
    strings = enumerate_levels(grammar)[0]
    data = leaf_channels.one_hot(strings, grammar.v).flatten(1)
    x = data[:5] + sigma * torch.randn(
        5, data.shape[1], dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    square = torch.cdist(x, data, compute_mode="donot_use_mm_for_euclid_dist").square() / (2 * sigma**2)
    weights = (-square).softmax(1)
    denoiser, image = HierarchicalDenoiser(grammar), x.view(5, grammar.leaves, grammar.v)
    torch.testing.assert_close(denoiser(image, sigma).flatten(1), weights @ data, atol=1e-12, rtol=0)
    d = x.shape[1]
    exact = (-square).logsumexp(1) - np.log(len(data)) - d / 2 * np.log(2 * np.pi * sigma**2)
    torch.testing.assert_close(denoiser.log_density(image, sigma), exact, atol=1e-11, rtol=0)
    image = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(denoiser.log_density(image, sigma).sum(), image)
    torch.testing.assert_close(gradient, score(denoiser, image.detach(), sigma), atol=1e-11, rtol=0)
    mean = weights @ data
    covariance = torch.einsum("bn,ni,nj->bij", weights, data, data) - mean[:, :, None] * mean[:, None]
    torch.testing.assert_close(posterior_covariance(denoiser, image.detach(), sigma), covariance, atol=1e-11, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_denoiser_has_limits_and_no_nan(dtype):
    grammar = Grammar.random(4, 2, 2, 3, seed=1)
    strings = enumerate_levels(grammar)[0]
    data = leaf_channels.one_hot(strings, 4, dtype)
    x = torch.randn(6, 8, 4, dtype=dtype, generator=torch.Generator().manual_seed(0))
    denoiser = HierarchicalDenoiser(grammar)
    nearest = data[torch.cdist(x.flatten(1).double(), data.flatten(1).double()).argmin(1)]
    for sigma in (0.0, 1e-12, 1e-4):
        torch.testing.assert_close(denoiser(x, sigma), nearest)
    for sigma in (1e12, float("inf")):
        torch.testing.assert_close(denoiser(x, sigma), data.mean(0).expand_as(x), atol=1e-6, rtol=0)
    for sigma in np.logspace(-12, 12, 25):
        denoised = denoiser(x, sigma)
        assert denoised.isfinite().all() and denoised.dtype == dtype
    flat = torch.zeros(1, 8, 4, dtype=dtype)
    torch.testing.assert_close(denoiser(flat, 0.0), data.mean(0, keepdim=True), atol=1e-6, rtol=0)


def test_denoiser_per_sample_sigma_and_condition():
    grammar = Grammar.random(4, 2, 2, 2, n_classes=3)
    denoiser = HierarchicalDenoiser(grammar)
    x = torch.randn(3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sigma = torch.tensor([0.1, 1.0, 3.0], dtype=torch.float64)
    together = denoiser(x, sigma, condition=torch.tensor([0, 1, 2]))
    torch.testing.assert_close(together, denoiser.reference(x, sigma, condition=[0, 1, 2]), atol=1e-12, rtol=0)
    for i in range(3):
        torch.testing.assert_close(together[i : i + 1], denoiser(x[i : i + 1], float(sigma[i]), condition=i))
    strings = enumerate_levels(grammar)
    mean = leaf_channels.one_hot(strings[0][strings[-1][:, 0] == 1], 4).mean(0)
    torch.testing.assert_close(denoiser(x, float("inf"), condition=1)[0], mean)


def test_grammars_with_too_many_strings_are_not_enumerated():
    large = Grammar.random(32, 8, 2, 5)
    with pytest.raises(GrammarError, match="grammar: has about"):
        HierarchicalDenoiser(large).reference(torch.zeros(1, 32, 32), 1.0)
    with pytest.raises(GrammarError, match="grammar: has about"):
        BeliefPropagation(large).reference(torch.ones(1, 32, 32))


BP = BeliefPropagation(Grammar.random(4, 2, 2, 2))
ONES = torch.ones(2, 4, 4, dtype=torch.float64)
DENOISER = HierarchicalDenoiser(BP.grammar)


@pytest.mark.parametrize(
    ("call", "error", "argument"),
    [
        (lambda: BeliefPropagation("grammar"), ArgumentError, "grammar"),  # pyright: ignore[reportArgumentType]
        (lambda: BP.marginals(ONES[:, :3]), ShapeError, "likelihood"),
        (lambda: BP.marginals(ONES[..., :3]), ShapeError, "likelihood"),
        (lambda: BP.marginals(ONES[:0]), EmptyDataError, "likelihood"),
        (lambda: BP.marginals(ONES.numpy()), ArgumentError, "likelihood"),  # pyright: ignore[reportArgumentType]
        (lambda: BP.marginals(ONES.long()), ArgumentError, "likelihood"),
        (lambda: BP.marginals(-ONES), ArgumentError, "likelihood"),
        (lambda: BP.marginals(ONES / 0), ArgumentError, "likelihood"),
        (lambda: BP.marginals(ONES * torch.nan), ArgumentError, "likelihood"),
        (lambda: BP.marginals(ONES / 0, log=True), NotFiniteError, "likelihood"),
        (lambda: BP.marginals(ONES, [0.5, 0.5, 0.5, 0.5]), WeightsError, "prior"),
        (lambda: BP.marginals(ONES, [1.5, -0.5, 0, 0]), WeightsError, "prior"),
        (lambda: BP.marginals(ONES, [0.5, 0.5]), ShapeError, "prior"),
        (lambda: BP.sample(ONES, seed=-1), ArgumentError, "seed"),
        (lambda: BP.sample(ONES, first=-1), ArgumentError, "first"),
        (lambda: DENOISER(ONES[:, :2], 1.0), ShapeError, "x"),
        (lambda: DENOISER(ONES, -1.0), NoiseLevelError, "sigma"),
        (lambda: DENOISER(ONES, 1.0, condition=4), ArgumentError, "condition"),
        (lambda: DENOISER(ONES, 1.0, condition=0.5), ArgumentError, "condition"),
        (lambda: DENOISER(ONES, 1.0, condition=[0, 1, 2]), ShapeError, "condition"),
        (lambda: DENOISER.log_density(ONES, 0.0), NoiseLevelError, "sigma"),
        (lambda: leaf_channels.uniform.log_likelihood([[0]], 4, 1.5), NoiseLevelError, "noise"),
        (lambda: leaf_channels.epsilon.log_likelihood([[0]], 4, -0.1), NoiseLevelError, "noise"),
        (
            lambda: leaf_channels.masking.corrupt(np.zeros((1, 4), int), 4, 2, np.random.default_rng(0)),
            NoiseLevelError,
            "noise",
        ),
        (lambda: leaf_channels.masking.log_likelihood([[4]], 4), ArgumentError, "observation"),
        (lambda: leaf_channels.uniform.log_likelihood([[-1]], 4, 0.5), ArgumentError, "observation"),
        (lambda: leaf_channels.gaussian.log_likelihood(ONES, 3, 0.5), ShapeError, "observation"),
        (lambda: leaf_channels.channel_of("mask"), UnknownNameError, "channel"),
        (lambda: leaf_channels.channel_of(3), ArgumentError, "channel"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_bad_input(call, error, argument):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.argument == argument
