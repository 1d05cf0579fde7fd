"""Which convention was a network trained with? Exact optima in every kind of dress, with three of their conventions
withheld; the right one wins, or it is said that none fits."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from idealscore import DiscreteSchedule
from idealscore._support.shapes import per_row
from idealscore.cli import main
from idealscore.compare.measures import handover
from idealscore.errors import ArgumentError, DenoiserContractError, EmptyDataError, UnknownNameError
from idealscore.learned import data, wrap
from idealscore.learned.wrap import Clock

MEAN = torch.linspace(-0.5, 0.3, 16, dtype=torch.float64)
VARIANCE = torch.tensor([0.5, 0.15, 0.02, 0.001] * 4, dtype=torch.float64)
X0 = MEAN + VARIANCE.sqrt() * torch.randn(
    500, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
)  # fmt: skip
SCHEDULES = {
    "linear": DiscreteSchedule.linear(1000),
    "cosine": DiscreteSchedule.cosine(1000),
    "scaled_linear": DiscreteSchedule.scaled_linear(1000),
    "sigmoid": DiscreteSchedule.sigmoid(1000),
}
STANDARDISED = tuple(float((end - X0.mean()) / X0.std(correction=0)) for end in (-1, 1))
CLOCKS = {
    "sigma": Clock("sigma"),
    "log_snr": Clock("log_snr"),
    "flow": Clock("flow_time"),
    "flow, 1000 t": Clock("flow_time", time_scale=1000.0),
    "flow, backwards": Clock("flow_time", reverse=True),
    "continuous": Clock("vp_time"),
    **{f"index, {name}": Clock("index", schedule) for name, schedule in SCHEDULES.items()},
    **{f"step / n, {name}": Clock("step", schedule, time_scale=1e-3) for name, schedule in SCHEDULES.items()},
}
RANGES = {"-1 ... 1": None, "0 ... 1": (0.0, 1.0), "0 ... 255": (0.0, 255.0), "standardised": STANDARDISED}


def ideal(x, sigma):
    """E[x0 | x] of a Gaussian with a diagonal covariance."""
    s2 = per_row(torch.as_tensor(sigma), x) ** 2
    return MEAN.to(x) + VARIANCE.to(x) / (VARIANCE.to(x) + s2) * (x - MEAN.to(x))


def dressed(predicts, timing, span=None, denoiser=ideal):
    """The optimum as a network of this convention: time is inverted by a table of the clock, all else by algebra."""
    low, high = span or (-1.0, 1.0)
    gain, offset = (high - low) / 2, (high + low) / 2
    first, last = timing.noise_range
    levels = torch.from_numpy(np.geomspace(max(first, 1e-4) * (1 + 1e-9), min(last, 1e5) * (1 - 1e-9), 20001))
    times, logs = timing.time(levels).numpy(), levels.log().numpy()
    order = times.argsort()

    def net(z, time):
        sigma = torch.from_numpy(np.exp(np.interp(time.detach().double().numpy(), times[order], logs[order]))).to(z)
        scale, s = per_row(timing.scale(sigma), z), per_row(sigma, z)
        x0 = gain * denoiser((z / scale - offset) / gain, sigma / gain) + offset
        noise = (z / scale - x0) / s
        flow = noise - x0 if not timing.reverse else x0 - noise
        v = (noise - s * x0) / (1 + s**2).sqrt()
        return {"x0": x0, "noise": noise, "score": -noise / (s * scale), "flow": flow, "v": v}[predicts]

    return net


def is_that(convention, predicts, timing, span):
    """Whether a convention is the true one; of the two spellings of the linear schedule's time either will do."""
    ends, right = convention.range or (-1.0, 1.0), span or (-1.0, 1.0)
    return (
        convention.predicts == predicts
        and convention.timing == timing
        and convention.sign > 0
        and np.allclose(ends, right, atol=0.02)
    )


def assert_found(kind, x0=X0, denoiser=ideal, **known: Any):
    predicts, clock, span = kind
    timing, ends = CLOCKS[clock], RANGES[span]
    net = dressed(predicts, timing, ends, denoiser)
    found = wrap.identify(net, x0, show=False, **known)
    winners = [found.ranking[0], *(found.ranking[place] for place in found.alike)]
    assert found.ok, found.table
    assert any(is_that(one.convention, predicts, timing, ends) for one in winners), found.table
    x = X0[:5].to(x0) if x0 is X0 else x0[:5]
    for sigma in (0.2, 1.0):
        torch.testing.assert_close(found.wrap()(x, sigma), denoiser(x, sigma).to(x), rtol=0.02, atol=0.02)
    return found


KINDS = list(itertools.product(wrap.PREDICTIONS, CLOCKS, RANGES))


def possible(clock, span):
    """Images in 0 ... 255 do not go with a clock that ends at sigma = 157 in that unit."""
    return span != "0 ... 255" or CLOCKS[clock].noise_range[1] > 1e4


@pytest.mark.parametrize(
    ("predicts", "clock", "span"),
    [("v", "index, cosine", "0 ... 1"), ("noise", "index, linear", "-1 ... 1"), ("x0", "sigma", "0 ... 255")],
)
def test_nothing_is_known(predicts, clock, span):
    found = assert_found((predicts, clock, span))
    assert "it fits: wrap.function(net, " in found.table and repr(found).startswith("Identification(predicts=")
    assert len(repr(found).splitlines()) == 1
    # the code is what it says
    names = {"wrap": wrap, "net": found.network, "DiscreteSchedule": DiscreteSchedule}
    exec(f"made = {found.code}", names)
    torch.testing.assert_close(names["made"](X0[:3], 0.7), found.wrap()(X0[:3], 0.7))


@pytest.mark.parametrize(
    ("predicts", "clock", "span", "known"),
    [
        ("noise", "index, scaled_linear", "-1 ... 1", "range"),
        ("score", "step / n, sigmoid", "-1 ... 1", "range"),
        ("flow", "flow, backwards", "0 ... 1", "range"),
        ("x0", "log_snr", "standardised", "range"),
        ("v", "index, sigmoid", "standardised", "clock"),
        ("noise", "sigma", "0 ... 255", "clock"),
    ],
)
def test_three_are_withheld(predicts, clock, span, known):
    given = {"range": RANGES[span] or (-1, 1), "clock": CLOCKS[clock].name, "predicts": predicts}
    assert_found((predicts, clock, span), **{known: given[known]})


@pytest.mark.slow
@pytest.mark.parametrize("known", ["predicts", "clock", "schedule", "range"])
def test_every_kind_with_three_of_its_conventions_withheld(known):
    """A quarter of all kinds for each convention that is told, so that every kind comes once."""
    place = ["predicts", "clock", "schedule", "range"].index(known)
    for predicts, clock, span in KINDS[place::4]:
        timing = CLOCKS[clock]
        given = {"predicts": predicts, "clock": timing.name, "schedule": timing.schedule}
        given["range"] = RANGES[span] or (-1, 1)
        if possible(clock, span):
            assert_found((predicts, clock, span), **{known: given[known]})


@pytest.mark.slow
def test_images_of_a_mixture():
    from idealscore.theory import MixtureDenoiser

    training, held_out = data.load("digits").split(0.2)
    mixture = MixtureDenoiser.fit(training.images, training.labels)
    found = assert_found(("noise", "index, cosine", "0 ... 1"), held_out.images, mixture)
    # the network inverts its time by a table, without derivatives: that is all there is to say
    [said] = handover(found.wrap(), held_out.images, training=training.images).warnings
    assert "derivative with respect to sigma" in said


def test_how_steps_are_counted():
    """From 1 instead of from 0: it shows at the lowest steps of one that predicts the noise."""
    schedule = SCHEDULES["linear"]
    told = {"predicts": "noise", "range": (-1, 1), "schedule": schedule}
    for name in ("index", "step"):
        found = wrap.identify(dressed("noise", Clock(name, schedule)), X0, show=False, **told)
        assert found.ok and found.ranking[0].convention.timing.name == name


def test_a_table_of_steps_and_a_learned_variance_and_a_sign():
    """A module with an embedding answers only to whole steps; half of the channels are something else."""
    schedule = SCHEDULES["linear"]

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            with torch.random.fork_rng(devices=[]):
                self.sigma = torch.nn.Embedding(1000, 1, dtype=torch.float64)
            self.sigma.weight.data = torch.from_numpy(schedule.sigmas[1:].copy())[:, None]

        def forward(self, z, time):
            sigma = self.sigma(time)
            x = z * (1 + sigma**2).sqrt()
            return torch.cat([-(x - ideal(x, sigma[:, 0])) / sigma, 9 * z], 1)

    net = Net()
    found = wrap.identify(net, X0, predicts="noise", range=(-1, 1), show=False)
    best = found.ranking[0].convention
    assert found.ok and (best.sign, best.integer, best.split, best.timing.name) == (-1.0, True, "first", "index")
    assert best.timing.schedule == schedule and "-net(*given)" in found.code
    denoiser = found.wrap()
    assert "sign flipped" in repr(denoiser) and denoiser.shape == (16,)
    torch.testing.assert_close(denoiser(X0[:3], 1.0), ideal(X0[:3], denoiser.steps([1.0])[1].item()))


def test_conditions_reach_the_network():
    seen = []
    plain = dressed("noise", Clock("sigma"))

    def net(z, time, condition):
        seen.append(condition)
        return plain(z, time)

    labels = torch.arange(500)
    found = wrap.identify(net, X0, range=(-1, 1), clock="sigma", condition=labels, show=False)
    assert found.ok and set(torch.cat(seen).tolist()) == set(range(500))
    with pytest.raises(ArgumentError, match="one for each"):
        wrap.identify(net, X0, condition=labels[:3])


NONE = {
    "white noise": lambda z, t: torch.sin(1e3 * z),
    "zero": lambda z, t: 0 * z,
    "other data": dressed("noise", Clock("sigma"), None, lambda x, s: 3 + (ideal(x - 3, s))),
}


@pytest.mark.parametrize("name", NONE)
def test_it_says_so_where_none_fits(name):
    found = wrap.identify(NONE[name], X0, range=(-1, 1), show=False)
    assert not found.ok and "none of" in repr(found) and "none fits" in found.table
    with pytest.raises(ArgumentError, match="fits no convention for sure"):
        found.wrap()
    assert found.wrap(1)(X0[:2], 1.0).shape == (2, 16)
    with pytest.raises(ArgumentError, match="place"):
        found.wrap(99)


def test_too_few_images_are_not_believed():
    """Four points do not tell schedules apart: no convention is named for sure, or it is the right one."""
    for seed in range(3):
        found = wrap.identify(
            dressed("flow", CLOCKS["index, sigmoid"]), X0[4 * seed : 4 * seed + 4], clock="index", range=(-1, 1),
            seed=seed, show=False,
        )  # fmt: skip
        assert not found.ok or is_that(found.ranking[0].convention, "flow", CLOCKS["index, sigmoid"], None)


def test_bad_input_is_refused():
    net = dressed("x0", Clock("sigma"))
    with pytest.raises(ArgumentError, match="wrapped already"):
        wrap.identify(wrap.function(net), X0)
    with pytest.raises(ArgumentError, match="function"):
        wrap.identify(3, X0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(EmptyDataError):
        wrap.identify(net, X0[:1])
    with pytest.raises(ArgumentError, match="differ"):
        wrap.identify(net, torch.ones(4, 2))
    with pytest.raises(ArgumentError, match="in the first 4; pass images that differ"):
        wrap.identify(net, torch.cat([torch.ones(4, 2), torch.zeros(4, 2)]), n_images=4)
    with pytest.raises(UnknownNameError):
        wrap.identify(net, X0, predicts="epsilon")
    with pytest.raises(UnknownNameError):
        wrap.identify(net, X0, clock="t")
    with pytest.raises(ArgumentError, match="leave one of them out"):
        wrap.identify(net, X0, clock="sigma", schedule=SCHEDULES["linear"])
    with pytest.raises(DenoiserContractError, match="none of the conventions"):
        wrap.identify(lambda z: z, X0)


def test_the_command_line(tmp_path, monkeypatch, capsys):
    """`check module:function --trust --identify --data`: a table, and the call that wraps the network."""
    (tmp_path / "a_network.py").write_text(
        "import torch\nfrom idealscore.learned import data\nfrom idealscore.theory import GaussianDenoiser\n\n\n"
        "def build():\n    ideal = GaussianDenoiser.fit(data.load('digits').images)\n"
        "    return lambda z, s: (z - ideal(z, s)) / s.reshape(-1, 1, 1, 1)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    command = ["check", "a_network:build", "--identify"]
    assert main([*command, "--trust", "--data", "digits"]) == 0
    assert "it fits: wrap.function(net, predicts='noise', clock='sigma')" in capsys.readouterr().out
    assert main([*command, "--trust"]) == 2
    assert "--data" in capsys.readouterr().err
    assert main([*command, "--data", "digits"]) == 2
    assert "add --trust" in capsys.readouterr().err
    assert main(["check", str(tmp_path), "--identify", "--data", "digits"]) == 2
    assert "module:function" in capsys.readouterr().err
