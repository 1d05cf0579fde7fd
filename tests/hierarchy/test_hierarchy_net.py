"""Networks on strings: the contract, the channel limits, what the tree can see, and what training reaches."""

import math

import numpy as np
import pytest
import torch

from idealscore.errors import ArgumentError, NotFiniteError, ShapeError, UnknownNameError
from idealscore.learned import checkpoint
from idealscore.learned.networks import HierarchyNet, build
from idealscore.learned.training import LogUniform, TrainConfig, train, train_masked
from idealscore.learned.training import masked as masked_training
from idealscore.simulate.diffusion import noised
from idealscore.simulate.hierarchy import sample
from idealscore.theory.belief_propagation import BeliefPropagation, HierarchicalDenoiser, gaussian, masking, one_hot
from idealscore.theory.grammar import Grammar
from idealscore.theory.identities import check_contract

KINDS = ("tree", "transformer")


def shaken(network, scale=0.2):
    """The network with every weight moved off its start, so that nothing is zero by construction."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return network


def small(kind="tree", leaves=8, v=4, **options):
    return shaken(HierarchyNet((leaves, v), kind=kind, width=12, blocks=2, heads=2, **options))


def strings_of(grammar, n, seed=0):
    return one_hot(sample(grammar, n, seed)[0], grammar.v, torch.float32)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_is_a_denoiser_whose_rows_are_distributions(kind, dtype):
    network = small(kind)
    x = torch.randn(4, 8, 4, dtype=dtype, generator=torch.Generator().manual_seed(0))
    assert network(x, 0.5).dtype == dtype
    check_contract(network.to(dtype), x, [0.1, 0.5, 2.0])
    for sigma in (1e-12, 0.3, 1.0, 1e12, math.inf):
        out = network(x, sigma)
        assert bool((out >= 0).all())
        torch.testing.assert_close(out.sum(-1), torch.ones(4, 8, dtype=dtype), rtol=0, atol=1e-5)
    assert network(x[:0], 1.0).shape == (0, 8, 4)


def test_limits_of_the_noise_level(kind):
    """Without noise the nearest symbol; with infinite noise nothing of x is left."""
    network = small(kind)
    x = torch.randn(3, 8, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(x, 0.0), torch.nn.functional.one_hot(x.argmax(-1), 4).float())
    assert torch.equal(network(x, math.inf), network(0 * x, math.inf))


def test_starts_as_the_posterior_of_independent_leaves(kind):
    network = HierarchyNet((8, 4), kind=kind, width=8, heads=2)
    x = torch.randn(3, 8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network(x, 0.6), gaussian.log_likelihood(x, 4, 0.6).softmax(-1))
    strings = np.array([[0, 1, 2, 3, -1, -1, 0, 0]])
    expected = torch.full((1, 8, 4), 0.25, dtype=torch.float64)
    visible = strings[0] >= 0
    expected[0, visible] = one_hot(strings[:, visible], 4)[0]
    torch.testing.assert_close(network.predictor("masking")(strings, 0.5), expected)


def test_every_leaf_sees_every_leaf(kind):
    network = small(kind, leaves=9, s=3)
    x = torch.zeros(1, 9, 4, dtype=torch.float64, requires_grad=True)
    network.to(torch.float64)
    for leaf in range(9):
        (gradient,) = torch.autograd.grad(network(x, 0.7)[0, leaf, 0], x)
        assert bool((gradient[0].abs().amax(-1) > 1e-9).all())


def test_same_evidence_same_answer(kind):
    """The Gaussian denoiser and the posterior from its likelihood are one function, at any scale of sigma."""
    network = small(kind)
    x = torch.randn(3, 8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    evidence = gaussian.log_likelihood(x, 4, 0.8)
    torch.testing.assert_close(network(x, 0.8), network.leaf_posterior(evidence))
    torch.testing.assert_close(network(x * 0.25, 0.4), network(x, 0.8))
    assert (network(x, 0.4) - network(x, 0.8)).abs().max() > 0.01


def test_the_tree_shares_its_filters_between_the_nodes_of_a_level():
    """Swapping the two halves of a string swaps the answers below the root, up to the root's own filter."""
    network = small("tree")
    with torch.no_grad():
        for layer in ("inner.up.2", "inner.down.2"):
            for parameter in network.get_submodule(layer).parameters():
                parameter.zero_()
    x = torch.randn(2, 8, 4, generator=torch.Generator().manual_seed(0))
    swapped = x.roll(4, dims=1)
    torch.testing.assert_close(network(swapped, 0.7), network(x, 0.7).roll(4, dims=1))
    transformer = small("transformer")
    assert (transformer(swapped, 0.7) - transformer(x, 0.7).roll(4, dims=1)).abs().max() > 1e-3


def test_condition_matters(kind):
    network = small(kind, n_classes=3)
    x = torch.zeros(3, 8, 4)
    out = network(x, 1.0, condition=torch.tensor([0, 1, 2]))
    assert (out[0] - out[1]).abs().max() > 1e-3
    torch.testing.assert_close(network(x, 1.0, condition=1)[0], out[1])
    with pytest.raises(ArgumentError, match="condition"):
        small(kind)(x, 1.0, condition=1)


def test_seeded_start_description_and_checkpoint(kind, tmp_path):
    network = HierarchyNet((9, 5), s=3, kind=kind, width=8, heads=2, seed=4)
    again = build(network.describe(), seed=4)
    other = build(network.describe(), seed=5)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
    checkpoint.save(shaken(network), tmp_path / "net.safetensors")
    x = torch.randn(2, 9, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(checkpoint.load(tmp_path / "net.safetensors")(x, 0.5), network(x, 0.5))


@pytest.mark.parametrize(
    ("shape", "options", "error"),
    [
        ((6, 4), {}, ShapeError),
        ((1, 4), {}, ShapeError),
        ((8,), {}, ShapeError),
        ((8, 4), {"s": 3}, ShapeError),
        ((8, 4), {"s": 1}, ArgumentError),
        ((8, 4), {"kind": "forest"}, UnknownNameError),
        ((8, 4), {"width": 10, "heads": 4}, ShapeError),
        ((8, 4), {"depth": 3}, UnknownNameError),
    ],
)
def test_bad_options(shape, options, error):
    with pytest.raises(error):
        HierarchyNet(shape, **options)


def test_bad_evidence():
    network = small()
    with pytest.raises(NotFiniteError, match="log_likelihood"):
        network.leaf_posterior(torch.full((1, 8, 4), -torch.inf))
    with pytest.raises(ShapeError, match="log_likelihood"):
        network.leaf_posterior(torch.zeros(1, 7, 4))
    with pytest.raises(ArgumentError, match="data"):
        train_masked(network, torch.full((2, 8, 4), 0.25))
    with pytest.raises(ArgumentError, match="network"):
        train_masked(small(n_classes=2), torch.zeros(2, 8, 4))


def total_variation(learned, exact):
    return float((learned.detach() - exact).abs().sum(-1).mean() / 2)


def test_learns_a_small_grammar_under_gaussian_noise():
    """Within 0.05 of the optimum of its grammar, from where it was further away; far from that of another grammar."""
    grammar, foreign = Grammar.random(4, 2, 2, 2, seed=1), Grammar.random(4, 2, 2, 2, seed=2)
    noise = LogUniform(0.2, 2.0)
    config = TrainConfig(steps=200, batch=256, learning_rate=1e-2, warmup=20, noise=noise, weighting="x0")
    start = HierarchyNet((4, 4), width=16)
    trained = train(start, strings_of(grammar, 500), config).network
    clean = strings_of(grammar, 200, seed=7).double()
    for sigma in (0.4, 0.6):
        x = noised(clean, sigma, seed=3)
        optimum = HierarchicalDenoiser(grammar)(x, sigma)
        assert total_variation(trained(x, sigma), optimum) < 0.05
        assert total_variation(start(x, sigma), optimum) > 0.08
        assert total_variation(trained(x, sigma), HierarchicalDenoiser(foreign)(x, sigma)) > 0.15


def test_learns_a_small_grammar_from_masked_strings():
    grammar = Grammar.random(4, 2, 2, 2, seed=1)
    config = TrainConfig(steps=200, batch=64, learning_rate=1e-2, warmup=20)
    trained = train_masked(HierarchyNet((4, 4), width=16), strings_of(grammar, 500), config).network
    strings = sample(grammar, 200, seed=7)[0]
    hidden = masking.corrupt(strings, 4, 0.5, np.random.default_rng(0))
    optimum = BeliefPropagation(grammar).marginals(masking.log_likelihood(hidden, 4), log=True)[0]
    posterior = trained.predictor("masking")(hidden, 0.5)
    assert total_variation(posterior, optimum) < 0.05
    assert total_variation(HierarchyNet((4, 4), width=16).predictor("masking")(hidden, 0.5), optimum) > 0.15
    assert bool((posterior[torch.from_numpy(hidden) >= 0].amax(-1) == 1).all())


def test_masked_training_resumes_bit_for_bit(tmp_path, monkeypatch):
    grammar = Grammar.random(4, 2, 2, 2, seed=1)
    data, options = strings_of(grammar, 50), {"batch": 8, "checkpoint_every": 3, "log_every": 3, "decay": "constant"}
    network = HierarchyNet((4, 4), width=8)
    config, losses = TrainConfig(steps=6, **options), masked_training._MaskedLoop._losses
    whole = train_masked(network, data, config).network

    def killed(loop, step, share=1):
        if step == 4:
            raise KeyboardInterrupt
        return losses(loop, step, share)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(masked_training._MaskedLoop, "_losses", killed)
        train_masked(network, data, config, tmp_path / "run")
    resumed = train_masked(network, data, config, tmp_path / "run")
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.network.parameters(), strict=True))
    assert resumed.history[0]["step"] == 3
