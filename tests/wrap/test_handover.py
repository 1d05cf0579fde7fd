"""The hand-over test: every known mistake shows, with its remedy; what is right passes without a word."""

import numpy as np
import pytest
import torch

from idealscore import DiscreteSchedule
from idealscore.compare.measures import handover
from idealscore.errors import DenoiserContractError, EmptyDataError, NoiseLevelError
from idealscore.learned import wrap
from idealscore.theory import Denoiser, GaussianDenoiser, MixtureDenoiser

SCHEDULE = DiscreteSchedule.linear(1000)
FEW = DiscreteSchedule.linear(50, 0.002, 0.3)
rng = np.random.default_rng(0)
CENTRES = torch.tensor([[0.9, 0.6, 0.3], [-0.5, -0.8, 0.4], [0.2, -0.9, -0.6]], dtype=torch.float64)
KIND = torch.from_numpy(rng.integers(0, 3, 120))
DATA = CENTRES[KIND] + 0.1 * torch.from_numpy(rng.normal(size=(120, 3)))
DATA = torch.cat([DATA, -0.2 * torch.ones(120, 3, dtype=torch.float64)], 1)  # three numbers that never change
GAUSSIAN = GaussianDenoiser.fit(DATA)
IDEAL = MixtureDenoiser.fit(DATA, KIND)


def col(t):
    return torch.as_tensor(t, dtype=torch.float64).reshape(-1, 1)


def ideal(x, sigma):
    return IDEAL(x, sigma)


def flow_one_at_data(z, t):
    t = t.clamp(1e-9, 1 - 1e-9)
    sigma = (1 - t) / t
    x = z / col(t)
    d = ideal(x, sigma)
    return d - (x - d) / col(sigma)


def ddpm(schedule=SCHEDULE, shift=0, ideal: Denoiser = IDEAL):
    """Predicts the noise at index 0 ... n - 1, in whole numbers."""
    table = torch.from_numpy(schedule.alpha_bar[1:].copy())

    def noise(z, index):
        abar = table[(index + shift).clamp(0, schedule.n - 1)]
        sigma = ((1 - abar) / abar).sqrt()
        x = z / col(abar.sqrt())
        return (x - ideal(x, sigma)) / col(sigma)

    return noise


def stepped(net, **options):
    usual = {"predicts": "noise", "clock": "index", "schedule": SCHEDULE, "integer": True}
    return wrap.function(net, **usual | options)


RIGHT = {
    "the optimum": ideal,
    "a Gaussian": GAUSSIAN,
    "in [0, 1]": wrap.function(lambda y, s: (ideal(2 * y - 1, 2 * s) + 1) / 2, range=(0, 1)),
    "a flow": wrap.function(flow_one_at_data, "flow", "flow_time", reverse=True),
    "in steps": stepped(ddpm()),
    "in a few steps": stepped(ddpm(FEW), schedule=FEW),
}

MISTAKES = {
    "range=(0, 1)": lambda x, s: (ideal(2 * x - 1, 2 * torch.as_tensor(s)) + 1) / 2,
    "range=(0, 255)": wrap.function(lambda y, s: (ideal(y / 127.5 - 1, s / 127.5) + 1) * 127.5),
    "reverse=True": wrap.function(flow_one_at_data, "flow", "flow_time"),
    "predicts='noise'": lambda x, s: (x - ideal(x, s)) / col(s),
    "predicts='score'": lambda x, s: (ideal(x, s) - x) / col(s) ** 2,
    "predicts='x0'": wrap.function(ideal, "v", "sigma"),
    "sign of the noise": lambda x, s: 2 * x - ideal(x, s),
    "sign of the prediction": stepped(lambda z, t: -ddpm()(z, t)),
    "sigma^2 instead of sigma": lambda x, s: ideal(x, col(s).flatten() ** 0.5),
    "log(sigma) instead": lambda x, s: ideal(x, col(s).flatten().exp()),
    "DiscreteSchedule.cosine": stepped(ddpm(DiscreteSchedule.cosine())),
    "clock='step'": stepped(ddpm(shift=-1, ideal=GAUSSIAN)),
    "clock='index'": stepped(ddpm(ideal=GAUSSIAN), clock="step"),
}

UNSCALED = {"[0, 1]": (0.5, 0.5), "[0, 255]": (127.5, 127.5)}

MISBEHAVED = {
    "NaN or inf": lambda x, s: x * float("nan"),
    "usual causes": lambda x, s: 0 * x - 3,
    "other images of the batch": lambda x, s: ideal(x, s) + 0.1 * x.mean(),
    "call to call": lambda x, s: ideal(x, s) + 0.1 * torch.rand(6, generator=GENERATOR).to(x),
    "when sigma is a tensor": lambda x, s: ideal(x, s if isinstance(s, float) else 2 * s),
    "respect to sigma": lambda x, s: ideal(x, torch.as_tensor(s).detach()) + 0 * col(s),
    "respect to x": lambda x, s: ideal(x.detach(), s) + 0 * x,
}
GENERATOR = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("name", RIGHT)
def test_a_denoiser_passes_without_a_word(name):
    found = handover(RIGHT[name], DATA[:30], training=DATA)
    assert found.ok and found.warnings == (), found.warnings
    assert len(found.table.splitlines()) == 6


@pytest.mark.parametrize("remedy", MISTAKES)
def test_a_mistake_comes_with_its_remedy(remedy):
    found = handover(MISTAKES[remedy], DATA[:30], training=DATA)
    assert not found.ok
    [line] = [text for text in found.warnings if text.startswith("remedy")]
    assert remedy in line, found.warnings


@pytest.mark.parametrize("span", UNSCALED)
def test_data_that_were_not_scaled_come_with_the_option_that_scales_them(span):
    """A network of [-1, 1], held against data that were left in [0, 1] or [0, 255]."""
    gain, offset = UNSCALED[span]
    for net in (ideal, wrap.function(ideal)):
        found = handover(net, gain * DATA[:30] + offset, training=gain * DATA + offset)
        [line] = [text for text in found.warnings if text.startswith("remedy")]
        assert f"the data are in {span}, the network wants [-1, 1]" in line and "--scale -1..1" in line, line


@pytest.mark.parametrize("word", MISBEHAVED)
def test_bad_behaviour_shows(word):
    found = handover(MISBEHAVED[word], DATA[:30], training=DATA)
    assert any(word in text for text in found.warnings), found.warnings


def test_numbers_of_the_table_are_those_of_the_definition():
    from idealscore.simulate.diffusion import noised

    found = handover(ideal, DATA[:20], training=DATA, sigmas=[0.3, 3.0], seed=5)
    gaussian = GaussianDenoiser.fit(DATA)
    for sigma in (0.3, 3.0):
        x = noised(DATA[:20], sigma, 5)
        at = found.levels.sel(sigma=sigma)
        for name, answer in {"network": ideal(x, sigma), "gaussian": gaussian(x, sigma), "nothing": x}.items():
            each = (answer - DATA[:20]).square().mean(1)
            assert float(at[f"{name}_error"]) == pytest.approx(float(each.mean()))
            assert float(at[f"{name}_error_stderr"]) == pytest.approx(float(each.std() / 20**0.5))
        assert float(at.network_mean) == pytest.approx(float(ideal(x, sigma).mean()))


def test_both_means_are_told():
    shifted = handover(lambda x, s: ideal(x - 2, s) + 2, DATA[:30], training=DATA)
    line = next(text for text in shifted.warnings if "other data" in text)
    told, optimum = line.split("those of")
    assert f"mean {float(DATA.mean()) + 2:.2f}"[:7] in told and f"{float(DATA.mean()):.2f}"[:4] in optimum


def test_false_alarms_are_rare():
    """Optima of small random data sets, half of them told the flow time: not one warning."""
    for seed in range(8):
        draws = np.random.default_rng(seed).normal(size=(30, 5)) * np.geomspace(1, 1e-3, 5) / 2
        data = torch.from_numpy(draws)
        gaussian = GaussianDenoiser.fit(data)
        clock = wrap.function(
            lambda z, t, g=gaussian: g(z / col(1 - t), t / (1 - t)), "x0", "flow_time"
        )  # fmt: skip
        for net in (gaussian, clock):
            assert handover(net, data, seed=seed).ok


def test_bad_input_is_refused():
    with pytest.raises(EmptyDataError):
        handover(ideal, DATA[:1])
    with pytest.raises(NoiseLevelError):
        handover(ideal, DATA, sigmas=[0.0])
    with pytest.raises(DenoiserContractError, match="gives"):
        handover(lambda x, s: x[:, :2], DATA)


def test_derivatives_of_a_gaussian_of_low_rank_are_finite():
    sigma = torch.full((4,), 0.4, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(GAUSSIAN(DATA[:4], sigma).sum(), sigma)
    expected = (GAUSSIAN(DATA[:4], 0.4001) - GAUSSIAN(DATA[:4], 0.3999)).sum(1) / 0.0002
    torch.testing.assert_close(slope, expected, rtol=1e-5, atol=1e-8)
