import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idealscore import DiscreteSchedule, NoiseLevel
from idealscore.errors import ArgumentError, NoiseLevelError
from idealscore.theory import karras_sigmas

LINEAR = DiscreteSchedule.linear(1000, 1e-4, 0.02)
CLOCKS = ["ou_time", "alpha_bar", "snr", "log_snr", "flow_time"]


@given(st.floats(-8, 8), st.sampled_from(CLOCKS))
def test_clocks_there_and_back(log10_sigma, clock):
    level = NoiseLevel(10**log10_sigma)
    value = getattr(level, clock)
    back = getattr(NoiseLevel, f"from_{clock}")(value)
    conditioning = (
        max(1.0, float(level.sigma), 1 / float(level.sigma)) ** 2 if clock in ("alpha_bar", "flow_time") else 1.0
    )
    assert back.sigma == pytest.approx(level.sigma, rel=1e-13 * conditioning + 1e-12)


@given(st.floats(0.0, 1000.0))
def test_steps_there_and_back(step):
    assert NoiseLevel.from_step(step, LINEAR).step(LINEAR) == pytest.approx(step, abs=1e-6)


@pytest.mark.parametrize(
    ("clock", "zero", "infinity"),
    [
        ("ou_time", 0.0, np.inf),
        ("alpha_bar", 1.0, 0.0),
        ("snr", np.inf, 0.0),
        ("log_snr", np.inf, -np.inf),
        ("flow_time", 0.0, 1.0),
    ],
)
def test_no_noise_and_all_noise_on_every_clock(clock, zero, infinity):
    for value, sigma in ((zero, 0.0), (infinity, np.inf)):
        assert getattr(NoiseLevel, f"from_{clock}")(value).sigma == sigma
        assert getattr(NoiseLevel(sigma), clock) == value


def test_the_definitions_of_the_clocks():
    t = 0.7
    assert NoiseLevel.from_ou_time(t).sigma == pytest.approx(np.sqrt(1 - np.exp(-2 * t)) / np.exp(-t))
    assert NoiseLevel.from_flow_time(0.2).sigma == pytest.approx(0.25)
    assert NoiseLevel.from_step(1, LINEAR).alpha_bar == pytest.approx(1 - 1e-4)
    assert NoiseLevel.from_step(1000, LINEAR).alpha_bar == pytest.approx(np.prod(1 - np.linspace(1e-4, 0.02, 1000)))
    assert np.isnan(NoiseLevel(1e6).step(LINEAR))


def test_arrays_are_levels_too():
    levels = NoiseLevel([0.5, 1.0, 2.0])
    assert np.asarray(levels.snr).tolist() == [4.0, 1.0, 0.25]
    assert len(str(levels).splitlines()) == 3
    assert levels == NoiseLevel(np.array([0.5, 1.0, 2.0])) and hash(levels) == hash(NoiseLevel([0.5, 1.0, 2.0]))


def test_printed_lines_say_what_they_are():
    assert repr(NoiseLevel(1.5)) == "NoiseLevel(sigma=1.5)"
    assert repr(NoiseLevel(np.array([0.5, 1.0, 2.0]))) == "NoiseLevel(3 levels, sigma 0.5 ... 2)"
    assert repr(DiscreteSchedule(np.array([0.5, 0.5]))) == "DiscreteSchedule(custom, n=2, sigma 1 ... 1.732)"


def test_the_last_step_is_a_step_whatever_its_last_bits():
    for schedule in (LINEAR, DiscreteSchedule.cosine(1000)):
        last = float(schedule.sigmas[-1])
        for sigma in (last, np.nextafter(last, 0), np.nextafter(last, np.inf)):
            assert NoiseLevel(sigma).step(schedule) == pytest.approx(schedule.n, abs=1e-6)
        assert np.isnan(NoiseLevel(1.001 * last).step(schedule))  # negative control


def test_cosine_schedule_follows_its_formula():
    schedule = DiscreteSchedule.cosine(1000)
    angle = lambda k: np.cos((k / 1000 + 0.008) / 1.008 * np.pi / 2) ** 2  # noqa: E731
    assert schedule.alpha_bar[500] == pytest.approx(angle(500) / angle(0), rel=1e-10)


def test_edm_grid_of_eighteen_levels():
    printed = [80, 57.586, 40.786, 28.375, 19.352, 12.910, 8.401, 5.315, 3.257]
    assert karras_sigmas()[:9] == pytest.approx(printed, abs=6e-4)
    assert karras_sigmas()[-1] == 0.002


@pytest.mark.parametrize(
    "make",
    [
        lambda: NoiseLevel(-1.0),
        lambda: NoiseLevel(np.nan),
        lambda: NoiseLevel.from_alpha_bar(1.5),
        lambda: NoiseLevel.from_flow_time(-0.1),
        lambda: NoiseLevel.from_step(1001, LINEAR),
        lambda: DiscreteSchedule(np.array([0.5, 1.0])),
        lambda: karras_sigmas(sigma_min=2.0, sigma_max=1.0),
        lambda: NoiseLevel([]),
        lambda: karras_sigmas(1),
    ],
)
def test_values_outside_a_clock_are_refused(make):
    with pytest.raises(ArgumentError):
        make()


def test_the_error_names_the_clock():
    with pytest.raises(NoiseLevelError, match=r"alpha_bar: is 1\.5"):
        NoiseLevel.from_alpha_bar(1.5)
