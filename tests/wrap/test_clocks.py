"""The clocks of wrapped networks: derivatives through them, their digits in half precision, whole steps."""

import numpy as np
import pytest
import torch

from idealscore import DiscreteSchedule, NoiseLevel
from idealscore.errors import ArgumentError, DenoiserContractError, NoiseLevelError
from idealscore.learned import wrap
from idealscore.learned.wrap import Clock

LINEAR = DiscreteSchedule.linear(1000)
DIRECTIONS = [(name, back) for name in wrap.CLOCKS for back in (False, True) if not back or name in
              ("flow_time", "step", "index", "vp_time")]  # fmt: skip


def levels(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


def grid(net):
    assert net.grid is not None
    return net.grid


@pytest.mark.parametrize(("name", "reverse"), DIRECTIONS)
def test_derivatives_pass_through_every_clock(name, reverse):
    """Autograd of time, of the scale and of the whole denoiser against central differences."""
    clock, h = Clock(name, LINEAR, reverse), 1e-6
    denoiser = wrap.function(lambda z, t: z * t.reshape(-1, 1), "noise", name, schedule=LINEAR, reverse=reverse)
    x = torch.ones(4, 2, dtype=torch.float64)
    for quantity in (clock.time, clock.scale, lambda s: denoiser(x, s).sum(1)):
        sigma = levels(0.037, 0.7, 3.1, 41.0).requires_grad_()
        (found,) = torch.autograd.grad(quantity(sigma).sum() + 0 * sigma.sum(), sigma)
        expected = (quantity(sigma.detach() + h) - quantity(sigma.detach() - h)) / (2 * h)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
    assert float(torch.autograd.grad(clock.time(sigma).sum(), sigma)[0].abs().min()) > 1e-6


def test_times_are_those_of_noise_levels():
    sigma = levels(0.02, 0.3, 1.0, 5.0, 100.0)
    for name in ("snr", "log_snr", "alpha_bar", "ou_time", "flow_time"):
        np.testing.assert_allclose(Clock(name).time(sigma), getattr(NoiseLevel(sigma), name), rtol=1e-12)
    for schedule in (LINEAR, DiscreteSchedule.cosine(), DiscreteSchedule.sigmoid(50), DiscreteSchedule.scaled_linear()):
        between = torch.from_numpy(np.geomspace(schedule.sigmas[1], schedule.sigmas[-1], 37))
        step = np.asarray(NoiseLevel(between).step(schedule))
        np.testing.assert_allclose(Clock("step", schedule).time(between), step, rtol=1e-9)
        whole = Clock("index", schedule).time(torch.from_numpy(schedule.sigmas[1:].copy()).float())
        assert torch.equal(whole, torch.arange(schedule.n).float())  # exactly: code that truncates is right on the grid


def test_continuous_time_is_the_limit_of_the_linear_schedule():
    """betas (beta_min + (beta_max - beta_min) k / n) / n become beta(t) dt."""
    sigma = levels(0.05, 0.5, 2.0, 30.0)
    fine = DiscreteSchedule.linear(200_000, 0.1 / 200_000, 20 / 200_000)
    torch.testing.assert_close(
        Clock("vp_time").time(sigma), Clock("step", fine, time_scale=1 / fine.n).time(sigma), rtol=1e-4, atol=1e-4
    )
    assert Clock("vp_time", beta_max=5.0).noise_range[1] == pytest.approx(np.sqrt(np.expm1(2.55)))
    with pytest.raises(NoiseLevelError, match="beyond"):
        Clock("vp_time").time(levels(200.0))


def test_directions_and_scales():
    sigma = levels(0.25, 1.0, 3.0)
    torch.testing.assert_close(Clock("flow_time", reverse=True, time_scale=1000).time(sigma), 1000 / (1 + sigma))
    known = torch.from_numpy(LINEAR.sigmas[[1, 500, 1000]].copy())
    assert Clock("index", LINEAR, reverse=True).time(known).tolist() == [999, 500, 0]
    assert Clock("step", LINEAR, reverse=True).time(known).tolist() == [1000, 501, 1]
    assert Clock("index", LINEAR, reverse=True).whole_step(known)[0].tolist() == [999, 500, 0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("points", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("integer", [False, True])
def test_networks_of_any_precision_are_told_the_exact_step(dtype, points, integer):
    seen = []

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.p = torch.nn.Parameter(torch.ones(1, dtype=dtype))

        def forward(self, z, time):
            assert z.dtype == dtype
            seen.append(time)
            return z * 0

    steps = [3, 501, 776, 777, 937, 998, 999]
    denoiser = wrap.function(Net(), "noise", "index", schedule=LINEAR, integer=integer)
    out = denoiser(torch.zeros(7, 2, dtype=points), torch.from_numpy(LINEAR.sigmas[1:][steps].copy()))
    assert out.dtype == points and seen[0].tolist() == steps
    assert seen[0].dtype == (torch.int64 if integer else torch.float32)


class Table(torch.nn.Module):
    """A network with an embedding of the step: half the noise of a unit Gaussian, told by the table."""

    def __init__(self, truncates=False):
        super().__init__()
        self.truncates = truncates
        with torch.random.fork_rng(devices=[]):
            self.gain = torch.nn.Embedding(1000, 1)
        sigma = torch.from_numpy(LINEAR.sigmas[1:].copy()).float()
        self.gain.weight.data = (sigma / (1 + sigma**2).sqrt())[:, None]

    def forward(self, z, time):
        return self.gain(time.long() if self.truncates else time) * z


@pytest.mark.parametrize("truncates", [False, True])
def test_a_table_of_steps_is_told_whole_steps(truncates):
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    on, off = LINEAR.sigmas[501], LINEAR.sigmas[501] * 1.001
    with_word = wrap.function(Table(truncates), "noise", "index", schedule=LINEAR, integer=True)
    torch.testing.assert_close(with_word(x, on), x / (1 + on**2))
    torch.testing.assert_close(with_word(x, off), with_word(x, on))
    asked = wrap.function(Table(truncates), "noise", "index", schedule=LINEAR)
    torch.testing.assert_close(asked(x, on), x / (1 + on**2))
    with pytest.warns(UserWarning, match="whole steps only") if asked.integer is None else no_warning():
        torch.testing.assert_close(asked(x, off), with_word(x, on))
    assert asked.integer and "integer=True" in repr(asked)
    plain = wrap.function(lambda z, t: z * t.reshape(-1, 1), "noise", "index", schedule=LINEAR)
    plain(x, off)  # a network of fractional steps is found to be one, without a warning
    assert not plain.integer


def no_warning():
    import contextlib

    return contextlib.nullcontext()


def test_the_error_of_rounding_is_bounded_and_reported():
    """|D(x, s) - D(x, sigma)| <= |log(s / sigma)| / 2 |x - mu| for any Gaussian, and the step is the nearest."""
    net = wrap.function(Table(), "noise", "index", schedule=LINEAR, integer=True)
    asked = np.geomspace(0.011, 150, 61)
    step, sigma, error = net.steps(asked)
    np.testing.assert_allclose(sigma, LINEAR.sigmas[1:][step.astype(int)])
    exact = np.asarray(NoiseLevel(asked).step(LINEAR)) - 1
    assert np.abs(step - exact).max() <= 0.5 + 1e-9
    for variance in np.geomspace(1e-5, 1e5, 41):
        off = np.abs(variance / (variance + sigma**2) - variance / (variance + asked**2))
        assert (off <= error * (1 + 1e-9) + 1e-15).all()
    assert (error > 0).any() and (net.steps(LINEAR.sigmas[[1, 7, 1000]])[2] < 1e-12).all()
    np.testing.assert_allclose(grid(net), LINEAR.sigmas[1:])
    assert net.noise_range == pytest.approx((LINEAR.sigmas[1], LINEAR.sigmas[-1]))
    with pytest.raises(ArgumentError, match="without steps"):
        wrap.function(lambda z, t: z).steps([1.0])


def test_the_answer_between_two_steps_is_constant_and_its_derivative_is_zero():
    net = wrap.function(Table(), "noise", "index", schedule=LINEAR, integer=True)
    sigma = torch.tensor(0.7, requires_grad=True)
    (slope,) = torch.autograd.grad(net(torch.ones(2, 2), sigma).sum(), sigma)
    assert float(slope) == 0


def test_data_of_another_range():
    """The optimum of N(0, 1) in [0, 255]: mean 127.5, standard deviation 127.5."""
    net = wrap.function(lambda y, s: 127.5 + (y - 127.5) / (1 + (s / 127.5) ** 2)[:, None], range=(0, 255))
    x = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sigma = levels(0.1, 0.5, 1.0, 4.0)
    torch.testing.assert_close(net(x, sigma), x / (1 + sigma**2)[:, None])
    stepped = wrap.function(Table(), "noise", "index", schedule=LINEAR, integer=True, range=(0, 1))
    np.testing.assert_allclose(grid(stepped), 2 * LINEAR.sigmas[1:])
    assert stepped.noise_range == pytest.approx((2 * LINEAR.sigmas[1], 2 * LINEAR.sigmas[-1]))


def test_a_flow_that_is_one_at_the_data():
    """z = t x0 + (1 - t) n and the flow x0 - n, as torchcfm and flow_matching have it, of unit Gaussian data."""

    def flow(z, t):
        t = t.reshape(-1, 1)
        return (2 * t - 1) / (t**2 + (1 - t) ** 2) * z

    net = wrap.function(flow, "flow", "flow_time", reverse=True)
    x = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sigma = levels(0.1, 0.5, 1.0, 4.0)
    torch.testing.assert_close(net(x, sigma), x / (1 + sigma**2)[:, None])


def test_a_learned_variance_is_left_away_when_asked():
    def head(z, t):
        return torch.cat([z / 2, 9 * z], 1)

    x = torch.ones(2, 3)
    with pytest.raises(DenoiserContractError, match="split='first'"):
        wrap.function(head)(x, 1.0)
    assert torch.equal(wrap.function(head, split="first")(x, 1.0), x / 2)


def test_schedules_given_as_betas():
    betas = np.linspace(1e-4, 0.02, 1000)
    for given in (betas, betas.tolist(), torch.from_numpy(betas).requires_grad_()):
        net = wrap.function(lambda z, t: z, "noise", "index", schedule=given)
        np.testing.assert_allclose(grid(net), LINEAR.sigmas[1:])
    betas[0] = 1e-4
    assert betas.flags.writeable
    for wrong in (np.cumprod(1 - betas), 1 - betas):
        with pytest.raises(NoiseLevelError, match="from_alpha_bar"):
            DiscreteSchedule(wrong)
        with pytest.raises(NoiseLevelError, match="from_alpha_bar"):
            wrap.function(lambda z, t: z, "noise", "index", schedule=wrong)
    np.testing.assert_allclose(DiscreteSchedule.from_alpha_bar(np.cumprod(1 - betas)).betas, betas, rtol=1e-9)
    with pytest.raises(NoiseLevelError):
        DiscreteSchedule.from_alpha_bar(betas)


@pytest.mark.parametrize(
    "options",
    [
        {"clock": "index", "schedule": "linear"},
        {"clock": "index", "schedule": object()},
        {"clock": "sigma", "integer": True},
        {"clock": "index", "schedule": LINEAR, "integer": True, "time_scale": 0.001},
        {"clock": "snr", "reverse": True},
        {"range": (1, 0)},
        {"range": 3},
        {"time_scale": 0.0},
        {"clock": "vp_time", "beta_min": -1.0},
        {"split": "second"},
    ],
)
def test_bad_options_are_refused(options):
    with pytest.raises(ArgumentError):
        wrap.function(lambda z, t: z, **options)


@pytest.mark.parametrize(
    ("f", "word"),
    [
        (lambda z, t: torch.nn.functional.embedding(t, torch.ones(9, 2)), "integer=True"),
        (lambda z, t: torch.nn.functional.linear(t[:, None].float(), torch.ones(2, 1).double()), "dtype"),
        (lambda z: z, "f\\(z, time\\)"),
        (lambda z, t: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_a_network_raises_comes_with_a_remedy(f, word):
    with pytest.raises(DenoiserContractError, match=word) as caught:
        wrap.function(f)(torch.ones(2, 2), 1.0)
    assert caught.value.__cause__ is not None
