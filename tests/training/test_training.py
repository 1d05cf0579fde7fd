"""Training: correct against closed forms, resumable bit for bit, and clear about what went wrong."""

import itertools
import json
import math
from dataclasses import replace

import pytest
import torch
from training_runs import SHORT, points, small

from idealscore.learned.data import ImageData
from idealscore.learned.networks import LinearDenoiser, MLPDenoiser, UNetDenoiser
from idealscore.learned.training import Levels, LogNormal, LogUniform, Steps, TrainConfig, objective, preset, train
from idealscore.learned.training.batches import Batches
from idealscore.learned.training.noise_levels import noise_from_dict, noise_to_dict
from idealscore.learned.training.state import TrainingState, ema_exponent
from idealscore.theory.noise import DiscreteSchedule

# ------------------------------------------------------------------------------------------- correctness


def wiener(data, sigma):
    mean = data.mean(0)
    covariance = torch.cov(data.T, correction=0)
    return mean, covariance @ torch.linalg.inv(covariance + sigma**2 * torch.eye(len(mean), dtype=data.dtype))


def test_linear_network_becomes_the_wiener_filter():
    """Score error E|D - D_W|^2 / E|D_W - x|^2 below 1e-3 at each trained noise level, from far above it."""
    sigmas = (0.2, 0.7, 2.0)
    data = points(400, 4)
    config = TrainConfig(steps=700, batch=512, learning_rate=0.03, warmup=20, noise=Levels(sigmas), betas=(0.9, 0.98))
    network = LinearDenoiser((4,), sigmas=sigmas, sigma_data=float(data.std()))
    trained = train(network, data, config).network
    x0 = data.double()
    for i, sigma in enumerate(sigmas):
        mean, gain = wiener(x0, sigma)
        x = x0 + sigma * torch.randn(x0.shape, dtype=x0.dtype, generator=torch.Generator().manual_seed(i))
        ideal = mean + (x - mean) @ gain.T
        scale = (ideal - x).square().sum()
        error = ((trained(x, sigma) - ideal).square().sum() / scale).item()
        before = ((network(x, sigma) - ideal).square().sum() / scale).item()
        assert error < 1e-3 and before > 10 * error


def test_loss_is_irreducible_part_plus_score_error():
    """For two points at +-1 the posterior variance is known: E w |D - x0|^2 = w (E var + E|D - D*|^2)."""
    sigma, n = 0.8, 400_000
    generator = torch.Generator().manual_seed(0)
    x0 = torch.where(torch.rand(n, 1, generator=generator, dtype=torch.float64) < 0.5, -1.0, 1.0).double()
    x = x0 + sigma * torch.randn(n, 1, generator=generator, dtype=torch.float64)
    network = MLPDenoiser((1,), width=8, depth=1, sigma_data=1.0, seed=4)
    denoised, ideal = network(x, sigma), torch.tanh(x / sigma**2)
    level = torch.full((n,), sigma, dtype=torch.float64)
    weight = objective.weights("output", network.preconditioning, level)
    losses = objective.sample_losses(denoised, x0, weight)
    parts = weight * ((1 - ideal**2) + (denoised - ideal) ** 2)[:, 0]
    gap = losses - parts
    assert abs(gap.mean()) < 5 * gap.std() / math.sqrt(n)
    assert parts.mean() > weight.mean() * (1 - ideal**2).mean() * 1.05


@pytest.mark.slow
def test_mlp_learns_a_mixture():
    """Two narrow Gaussians in the plane: score error below 3 % at every noise level of the training range."""
    from idealscore.theory.mixture import MixtureDenoiser

    means = torch.tensor([[-1.0, 0.0], [1.0, 0.5]], dtype=torch.float64)
    spread = 0.3
    generator = torch.Generator().manual_seed(0)

    def draw(n):
        kind = torch.randint(0, 2, (n,), generator=generator)
        return means[kind] + spread * torch.randn(n, 2, generator=generator, dtype=torch.float64)

    data = draw(20_000)
    config = TrainConfig(steps=700, batch=256, learning_rate=1e-2, noise=LogUniform(0.1, 10.0))
    network = MLPDenoiser((2,), width=48, depth=2, sigma_data=float(data.std()))
    trained = train(network, data, config).network
    theory = MixtureDenoiser(
        torch.tensor([0.5, 0.5], dtype=torch.float64), means, spread**2 * torch.eye(2).double().expand(2, 2, 2)
    )
    for sigma in (0.15, 0.4, 1.0, 3.0, 8.0):
        x0 = draw(4000)
        x = x0 + sigma * torch.randn(x0.shape, generator=generator, dtype=torch.float64)
        ideal = theory(x, sigma)
        error = (trained(x, sigma) - ideal).square().sum() / (ideal - x).square().sum()
        assert error < 0.03, (sigma, float(error))


def test_power_function_average():
    """The running average equals the weighted mean with weights t^gamma, increment by increment."""
    network = small()
    state = TrainingState(dict(network.named_parameters()), (0.9, 0.99), 0.0, 0.1)
    gamma, values = ema_exponent(0.1), []
    name, parameter = next(iter(state.parameters.items()))
    for step in range(1, 30):
        for p in network.parameters():
            p.grad = torch.full_like(p, math.cos(step))
        state.advance(0.1, 0.0)
        values.append(parameter.detach().double().clone())
    steps = torch.arange(1, 30, dtype=torch.float64)
    shares = 1 - (1 - 1 / steps) ** (gamma + 1)
    kept = torch.flip(torch.cumprod(torch.flip(torch.cat([1 - shares[1:], torch.ones(1)]), [0]), 0), [0])
    mean = sum(w * v for w, v in zip(shares * kept, values, strict=True))
    torch.testing.assert_close(state.average[name].double(), mean, rtol=1e-5, atol=1e-6)
    times = torch.arange(1, 100_001, dtype=torch.float64)
    weight = times**gamma / (times**gamma).sum()
    mean_time = (weight * times).sum()
    width = ((weight * (times - mean_time) ** 2).sum()).sqrt() / 100_000
    assert width.item() == pytest.approx(0.1, rel=1e-3)


# --------------------------------------------------------------------------------------------- objective


def test_noise_distributions():
    u = objective.stratified_uniforms(20_000, torch.Generator().manual_seed(0))
    assert torch.equal((u * 20_000).long(), torch.arange(20_000))
    log = LogNormal(-1.0, 0.7).quantile(u).log()
    assert log.mean().item() == pytest.approx(-1.0, abs=1e-3) and log.std().item() == pytest.approx(0.7, rel=1e-3)
    log = LogUniform(0.1, 10.0).quantile(u).log()
    assert log.mean().item() == pytest.approx(0.0, abs=1e-3)
    assert log.std().item() == pytest.approx(math.log(100) / math.sqrt(12), rel=1e-3)
    levels, counts = Levels((0.5, 2.0)).quantile(u).unique(return_counts=True)
    assert levels.tolist() == [0.5, 2.0] and counts.tolist() == [10_000, 10_000]
    sigmas = Steps("linear", 1000).quantile(u).numpy()
    assert set(sigmas) == set(DiscreteSchedule.linear(1000).sigmas[1:])
    for noise in (LogNormal(), LogUniform(), Levels((1.0, 2.0)), Steps("cosine", 10)):
        assert noise_from_dict(json.loads(json.dumps(noise_to_dict(noise)))) == noise


@pytest.mark.parametrize("head", ["edm", "eps", "v"])
def test_output_weight_is_the_plain_error_of_the_network(head):
    """With weighting "output" the loss is the mean square of F minus its target."""
    network = MLPDenoiser((3,), width=8, depth=1, head=head, sigma_data=0.5)
    with torch.no_grad():
        network.leave.weight.normal_(generator=torch.Generator().manual_seed(0))
    x0, sigma = points(50).double(), torch.linspace(0.1, 5, 50, dtype=torch.float64)
    noise = torch.randn(50, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = x0 + sigma[:, None] * noise
    c = network.preconditioning(sigma)
    raw = network.body((c.inner[:, None] * x).float(), c.noise.float(), None).double()
    target = {
        "eps": noise,
        "v": (noise - sigma[:, None] * x0) / (1 + sigma[:, None] ** 2).sqrt(),
        "edm": (x0 - c.skip[:, None] * x) / c.out[:, None],
    }[head]
    losses = objective.sample_losses(network(x, sigma), x0, objective.weights("output", network.preconditioning, sigma))
    torch.testing.assert_close(losses, (raw - target).square().mean(1), rtol=1e-6, atol=1e-8)
    assert torch.equal(objective.weights("x0", network.preconditioning, sigma), torch.ones_like(sigma))
    torch.testing.assert_close(objective.weights("noise", network.preconditioning, sigma), 1 / sigma**2)


def test_learning_rate_rises_then_falls():
    config = TrainConfig(steps=100, warmup=10, learning_rate=1.0, decay="cosine")
    rates = [config.learning_rate_at(step) for step in range(1, 101)]
    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert all(a > b for a, b in itertools.pairwise(rates[9:])) and 0 < rates[-1] < 1e-3
    assert replace(config, decay="constant").learning_rate_at(100) == 1.0


def test_every_image_once_per_epoch():
    data = ImageData(torch.arange(10.0).reshape(10, 1))
    batches = Batches(MLPDenoiser((1,), width=4, depth=1), data, TrainConfig(batch=4), None, torch.device("cpu"))
    rows = torch.cat([batches.indices(step) for step in range(5)])
    assert sorted(rows[:10].tolist()) == sorted(rows[10:].tolist()) == list(range(10))
    assert rows[:10].tolist() != rows[10:].tolist()
    torch.testing.assert_close(batches.indices(1), rows[4:8])


# ----------------------------------------------------------------------------------------------- options


def test_conditional_training_with_dropping():
    """Two classes far apart: with its label the network knows the class, without it only their mean."""
    data = ImageData(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]))
    config = TrainConfig(steps=150, batch=64, learning_rate=1e-2, condition_dropout=0.3, noise=LogUniform(0.1, 20.0))
    trained = train(MLPDenoiser((1,), width=16, depth=1, n_classes=2, sigma_data=1.0), data, config).network
    x = torch.zeros(2, 1)
    known = trained(x, 3.0, condition=torch.tensor([0, 1]))
    torch.testing.assert_close(known, data.images, rtol=0, atol=0.3)
    assert trained(x, 3.0).abs().max() < 0.2
    vectors = torch.tensor([[-1.0], [1.0]])
    continuous = MLPDenoiser((1,), width=16, depth=1, condition_dim=1, sigma_data=1.0)
    trained = train(continuous, data.images, config, condition=vectors).network
    torch.testing.assert_close(trained(x, 3.0, condition=vectors), data.images, rtol=0, atol=0.3)


def test_precision_and_layout_change_little():
    data = ImageData(points(16, 64).reshape(16, 1, 8, 8))
    network = UNetDenoiser((1, 8, 8), width=8, multipliers=(1, 2), blocks=1)
    config = TrainConfig(steps=4, batch=8, warmup=0)
    plain, last, half = (
        train(network, data, replace(config, **change)).network
        for change in ({}, {"channels_last": True}, {"precision": "bfloat16"})
    )
    x = data.images[:3]
    torch.testing.assert_close(last(x, 1.0), plain(x, 1.0), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(half(x, 1.0), plain(x, 1.0), rtol=0.1, atol=0.05)
    assert half(x, 1.0).dtype == torch.float32


def test_preset_of_the_digits():
    from idealscore.learned import data

    network, config = preset("digits", data.load("digits"), seed=2)
    assert network.config.shape == (1, 8, 8) and config.seed == 2


def test_presets_for_a_gpu_fit_their_images():
    images = ImageData(points(2, 3072).reshape(2, 3, 32, 32))
    for name in ("cifar10-memorise", "cifar10-generalise"):
        network, config = preset(name, images)
        assert 10e6 < network.n_parameters < 30e6 and config.compile and config.precision == "bfloat16"


@pytest.mark.slow
def test_the_digits_preset_generalises():
    """On held-out digits the network beats the Wiener filter by a fifth and the empirical optimum by more."""
    from idealscore.learned import data
    from idealscore.theory.empirical import EmpiricalDenoiser

    training_set, held_out = data.load("digits").split(0.2)
    trained = train(*_prepared(training_set)).network
    x0 = held_out.images.double()
    flat = training_set.images.flatten(1).double()
    memory = EmpiricalDenoiser(training_set.images.double())
    for sigma in (0.2, 0.35, 0.5):
        x = x0 + sigma * torch.randn(x0.shape, dtype=x0.dtype, generator=torch.Generator().manual_seed(1))
        mean, gain = wiener(flat, sigma)
        linear = mean + (x.flatten(1) - mean) @ gain.T
        error = (trained(x, sigma) - x0).square().mean()
        assert error < 0.8 * (linear - x0.flatten(1)).square().mean()
        assert error < 0.8 * (memory(x, sigma) - x0).square().mean()


def _prepared(images):
    network, config = preset("digits", images)
    return network, images, config


@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.*:DeprecationWarning")
@pytest.mark.slow
def test_compiled_training_gives_the_same():
    compiled, plain = (train(small(), points(), replace(SHORT, compile=flag)).network for flag in (True, False))
    for a, b in zip(compiled.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
