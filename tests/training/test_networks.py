"""Networks: the contract, preconditioning, seeded starts, conditions, and options that do not fit."""

import math

import pytest
import torch

from idealscore.errors import ArgumentError, NoiseLevelError, ShapeError, UnknownNameError
from idealscore.learned.networks import NETWORKS, LinearDenoiser, MLPDenoiser, Preconditioning, UNetDenoiser, build

SMALL = {
    "linear": {},
    "mlp": {"width": 12, "depth": 2},
    "unet": {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (4,), "heads": 2},
    "local": {"width": 8, "depth": 2},
}


def shaken(network, scale=0.3):
    """The network with every weight moved off its start, so that nothing is zero by construction."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return network


@pytest.fixture(params=sorted(set(NETWORKS) - {"hierarchy"}))  # takes strings: see test_hierarchy_net
def kind(request):
    return request.param


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_contract(kind, dtype):
    network = shaken(NETWORKS[kind]((2, 8, 8), **SMALL[kind]))
    x = torch.randn(5, 2, 8, 8, dtype=dtype, generator=torch.Generator().manual_seed(0))
    sigma = torch.tensor([0.1, 0.5, 1.0, 2.0, 10.0], dtype=dtype)
    out = network(x, sigma)
    assert out.shape == x.shape and out.dtype == dtype
    for i in range(5):
        alone = network(x[i : i + 1], float(sigma[i]))
        torch.testing.assert_close(alone, out[i : i + 1], rtol=1e-4, atol=1e-5)
    if kind != "linear":
        assert (network(x, 0.7) - network(x, 0.9)).abs().max() > 1e-3
    assert network(x[:0], 1.0).shape == (0, 2, 8, 8)


def test_limits_of_the_noise_level(kind):
    network = shaken(NETWORKS[kind]((1, 8, 8), **SMALL[kind]))
    x = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(x, 0.0), x)
    for sigma in (1e-12, 1e12, math.inf):
        assert network(x, sigma).isfinite().all()
    torch.testing.assert_close(network(x, math.inf), network(0 * x, math.inf))


@pytest.mark.parametrize("head", ["edm", "eps", "v"])
def test_coefficients_give_each_head_its_target(head):
    """With F set to the ideal target of the head, D is x0; and EDM's input and target have unit variance."""
    generator = torch.Generator().manual_seed(0)
    s, n = 0.5, 200_000
    x0 = s * torch.randn(n, dtype=torch.float64, generator=generator)
    noise = torch.randn(n, dtype=torch.float64, generator=generator)
    for value in (0.05, 0.7, 4.0):
        sigma = torch.full((n,), value, dtype=torch.float64)
        x = x0 + sigma * noise
        c = Preconditioning(head, s)(sigma)
        target = (x0 - c.skip * x) / c.out
        alpha_bar = 1 / (1 + value**2)
        if head == "eps":
            torch.testing.assert_close(target, noise)
        elif head == "v":
            torch.testing.assert_close(target, math.sqrt(alpha_bar) * noise - math.sqrt(1 - alpha_bar) * x0)
        else:
            assert target.var().item() == pytest.approx(1, abs=0.02)
            assert (c.inner * x).var().item() == pytest.approx(1, abs=0.02)
        torch.testing.assert_close(c.noise, sigma.log() / 4)


def test_start_is_the_wiener_filter_of_isotropic_data(kind):
    network = NETWORKS[kind]((1, 8, 8), sigma_data=0.7, **SMALL[kind])
    x = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network(x, 0.3), x * 0.49 / (0.49 + 0.09))


def test_same_seed_same_weights(kind):
    first, again, other = (NETWORKS[kind]((1, 8, 8), seed=seed, **SMALL[kind]) for seed in (1, 1, 2))
    pairs = list(zip(first.parameters(), again.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    if kind != "linear":
        assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))
    rebuilt = build(first.describe(), seed=1)
    assert rebuilt.config == first.config
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), rebuilt.parameters(), strict=True))


@pytest.mark.parametrize("size", [8, 16, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_unet_takes_images_of_many_sizes(size, channels):
    network = UNetDenoiser((channels, size, size), width=4, multipliers=(1, 1, 2), blocks=1)
    assert network(torch.zeros(1, channels, size, size), 1.0).shape == (1, channels, size, size)


def test_unet_grows_to_sixty_million_parameters():
    network = UNetDenoiser((3, 32, 32), width=128, multipliers=(2, 2, 2), blocks=4, attention=(16,))
    assert 50e6 < network.n_parameters < 65e6


@pytest.mark.parametrize("kind", ["mlp", "unet", "linear"])
@pytest.mark.parametrize("how", ["class", "vector"])
def test_condition(kind, how):
    options = {"n_classes": 3} if how == "class" else {"condition_dim": 2}
    network = shaken(NETWORKS[kind]((1, 8, 8), **SMALL[kind], **options))
    x = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    if how == "class":
        given, one, dropped = torch.tensor([0, 1, -1]), 1, torch.tensor([-1, -1, -1])
    else:
        given = torch.tensor([[0.0, 1.0], [1.0, 1.0], [math.nan, 0.0]])
        one, dropped = torch.tensor([1.0, 1.0]), torch.full((3, 2), math.nan)
    out = network(x, 1.0, condition=given)
    torch.testing.assert_close(out[1], network(x, 1.0, condition=one)[1])
    torch.testing.assert_close(out[2], network(x, 1.0)[2])
    torch.testing.assert_close(network(x, 1.0, condition=dropped), network(x, 1.0))
    assert (out[0] - network(x, 1.0)[0]).abs().max() > 1e-3


def test_condition_errors():
    x = torch.zeros(2, 4)
    labelled = MLPDenoiser((4,), width=8, depth=1, n_classes=3)
    with pytest.raises(ArgumentError, match="unconditional"):
        MLPDenoiser((4,), width=8, depth=1)(x, 1.0, condition=torch.tensor([0, 0]))
    for bad in (torch.tensor([0, 3]), torch.tensor([0.0, 1.0]), torch.tensor([0, 1, 2]), torch.tensor([-2, 0])):
        with pytest.raises(ShapeError, match="condition"):
            labelled(x, 1.0, condition=bad)


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: MLPDenoiser((4,), widht=8), UnknownNameError, "did you mean 'width'"),
        (lambda: build({"network": "unett", "shape": [1, 8, 8]}), UnknownNameError, "unet"),
        (lambda: MLPDenoiser(()), ArgumentError, "shape"),
        (lambda: MLPDenoiser((4,), width=0), ArgumentError, "width"),
        (lambda: MLPDenoiser((4,), head="x"), UnknownNameError, "head"),
        (lambda: MLPDenoiser((4,), n_classes=2, condition_dim=1), ArgumentError, "condition_dim"),
        (lambda: MLPDenoiser((4,), sigma_data=0.0), ArgumentError, "sigma_data"),
        (lambda: UNetDenoiser((4,)), ArgumentError, "shape"),
        (lambda: UNetDenoiser((1, 10, 10), multipliers=(1, 1, 1)), ArgumentError, "multipliers"),
        (lambda: UNetDenoiser((1, 8, 8), attention=(3,)), ArgumentError, "attention"),
        (lambda: UNetDenoiser((1, 8, 8), width=6, attention=(8,)), ArgumentError, "heads"),
        (lambda: LinearDenoiser((4,), sigmas=(0.0,)), NoiseLevelError, "sigmas"),
    ],
)
def test_bad_options_are_refused(make, error, word):
    with pytest.raises(error, match=word):
        make()


def test_bad_input_is_refused():
    network = MLPDenoiser((4,), width=8, depth=1)
    with pytest.raises(ShapeError):
        network(torch.zeros(2, 5), 1.0)
    with pytest.raises(ArgumentError):
        network(torch.zeros(2, 4, dtype=torch.long), 1.0)
    with pytest.raises(NoiseLevelError):
        network(torch.zeros(2, 4), -1.0)
    with pytest.raises(ShapeError):
        network(torch.zeros(2, 4), torch.ones(3))


def test_linear_levels_are_interpolated():
    network = shaken(LinearDenoiser((3,), sigmas=(0.1, 1.0, 10.0)), 1.0)
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))

    def raw(sigma):
        c = network.preconditioning(torch.tensor(sigma))
        return (network(x, sigma) - c.skip * x) / c.out, c.inner * x

    for level, sigma in enumerate((0.1, 1.0, 10.0)):
        out, inner = raw(sigma)
        exact = inner @ network.maps.weight[level].T + network.maps.bias[level]
        torch.testing.assert_close(out, exact, rtol=1e-4, atol=1e-4)
    out, inner = raw(math.sqrt(0.1))
    weight, bias = network.maps.weight[:2].mean(0), network.maps.bias[:2].mean(0)
    torch.testing.assert_close(out, inner @ weight.T + bias, rtol=1e-4, atol=1e-4)
    out, inner = raw(100.0)
    torch.testing.assert_close(out, inner @ network.maps.weight[2].T + network.maps.bias[2], rtol=1e-4, atol=1e-4)


def test_dropout_masks_come_from_the_given_stream():
    network = shaken(MLPDenoiser((4,), width=16, depth=1, dropout=0.5)).train()
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))

    def masked(seed, total=None, rows=slice(None)):
        network.seed_dropout(torch.Generator().manual_seed(seed), total, rows)
        return network(x[rows], 1.0)

    whole = masked(1)
    assert torch.equal(whole, masked(1)) and not torch.equal(whole, masked(2))
    torch.testing.assert_close(masked(1, 6, slice(2, 5)), whole[2:5])
    network.seed_dropout(None)
    assert torch.equal(network(x, 1.0), network.eval()(x, 1.0))


@pytest.mark.parametrize("padding", ["zeros", "circular"])
def test_local_net_sees_its_receptive_field_and_nothing_else(padding):
    network = shaken(NETWORKS["local"]((1, 12, 12), width=8, depth=2, kernel=3, padding=padding))
    assert network.receptive_field == 5
    x = torch.randn(1, 1, 12, 12, generator=torch.Generator().manual_seed(0)).requires_grad_()
    network(x, 0.5)[0, 0, 6, 6].backward()
    seen = torch.zeros(12, 12, dtype=torch.bool)
    seen[4:9, 4:9] = True
    assert x.grad is not None
    assert bool((x.grad[0, 0][seen] != 0).all()) and bool((x.grad[0, 0][~seen] == 0).all())
    shifted = network(x.detach().roll((3, 5), (2, 3)), 0.5).roll((-3, -5), (2, 3))
    assert torch.allclose(shifted, network(x.detach(), 0.5), atol=1e-5) == (padding == "circular")
