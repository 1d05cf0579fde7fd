"""Schedules on denoisers: the Gaussian optimum gives the prediction, others are measured, bad input is refused."""

import itertools
import json
import re

import numpy as np
import pytest
import torch

from idealscore._support import results as _results
from idealscore.cli import main
from idealscore.compare import same_noise_distance, schedule_errors, schedule_gain
from idealscore.errors import ArgumentError, EmptyDataError, NoiseLevelError, UnknownNameError
from idealscore.simulate import sample, starting_noise
from idealscore.theory import GaussianDenoiser, MixtureDenoiser
from idealscore.theory.schedules import karras_schedule, optimal_schedule, sampling_error

GAUSSIAN = GaussianDenoiser(
    torch.tensor([3.0, -1.0, 0.0, 0.5], dtype=torch.float64),
    torch.diag(torch.tensor([9.0, 1.0, 0.2, 0.0], dtype=torch.float64)),
)
FAST = {"dtype": torch.float64, "fine_steps": 40, "show": False}


@pytest.mark.parametrize("solver", ["heun", "euler"])
def test_the_prediction_is_what_the_gaussian_optimum_does(solver):
    found = schedule_gain(GAUSSIAN, GAUSSIAN, (4, 9), solver=solver, n=300, **FAST)
    assert (found.distance == found.gaussian).all()
    assert (abs(found.distance - found.predicted) < 5.4 * found.distance_stderr).all()  # false positives: 10 x 7e-8
    for steps in (4, 9):
        at = found.sel(steps=steps)
        assert float(at.distance.sel(schedule="optimal")) < float(at.distance.sel(schedule="karras"))
        grid = at.sigmas.sel(schedule="optimal").values
        spectrum = GAUSSIAN.covariance.spectrum
        np.testing.assert_allclose(grid[: steps + 1], optimal_schedule(spectrum, steps, solver), rtol=1e-6)
    other = schedule_gain(GAUSSIAN, GAUSSIAN, (4,), solver="euler" if solver == "heun" else "heun", n=300, **FAST)
    wrong = other.predicted.sel(steps=4) - found.distance.sel(steps=4)
    assert (abs(wrong) > 5.4 * found.distance_stderr.sel(steps=4)).any()  # control: another solver is told apart


def test_distance_in_closed_form_is_that_of_the_sampler():
    one, two = karras_schedule(5, 20.0, 0.1), karras_schedule(9, 20.0, 0.02)
    axes = torch.cat([torch.zeros(1, 4).double(), 20 * torch.eye(4).double()])  # a mean of squares by its derivatives
    ends = [sample(GAUSSIAN, axes, grid, method) for grid, method in ((one, "euler"), (two, "heun"))]
    apart = ends[0] - ends[1]
    square = float(apart[0].square().sum() + (apart[1:] - apart[:1]).square().sum())
    expected = (square / 10.2) ** 0.5
    assert same_noise_distance(GAUSSIAN, one, two, "euler", "heun") == pytest.approx(expected, rel=1e-10)
    with pytest.raises(NoiseLevelError, match="begin apart"):
        same_noise_distance(GAUSSIAN, karras_schedule(5), two)
    with pytest.raises(ArgumentError, match="draws noise"):
        same_noise_distance(GAUSSIAN, one, two, "ddpm")


def test_two_points_are_told_from_a_gaussian():
    points = MixtureDenoiser([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [0.01, 0.01])
    gaussian = GaussianDenoiser(torch.zeros(2).double(), torch.diag(torch.tensor([1.01, 0.01])).double())
    found = schedule_gain(points, gaussian, (6,), schedules=("cosine",), n=100, **FAST)
    assert found.schedule.values.tolist() == ["cosine", "karras"]
    assert (found.ratio.sel(schedule="karras") == 1).all() and (found.ratio_stderr.sel(schedule="karras") == 0).all()
    at = found.sel(schedule="karras", steps=6)
    assert abs(float(at.distance - at.predicted)) > 5.4 * float(at.distance_stderr)
    assert float(found.floor) < 0.1 * float(at.distance) < float(found.chance)


def test_levels_stay_within_what_the_network_knows():
    class Network:
        noise_range = (0.05, 30.0)

        def __call__(self, x, sigma):
            assert 0.05 <= float(torch.as_tensor(sigma).max()) <= 30.0
            return GAUSSIAN(x, sigma)

    found = schedule_gain(Network(), GAUSSIAN, (5,), n=4, **FAST)
    assert found.attrs["sigma_max"] == 30 and found.attrs["sigma_min"] == 0.05
    assert float(found.sigmas.where(found.sigmas > 0).min()) >= 0.05 * (1 - 1e-12)


def test_bad_input_is_refused_before_any_work():
    def fails(x, sigma):
        raise AssertionError

    for steps in ((), (0,), (5, 5), (2.5,)):
        with pytest.raises(ArgumentError, match="steps"):
            schedule_gain(fails, GAUSSIAN, steps)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match="n: "):
        schedule_gain(fails, GAUSSIAN, n=1)
    with pytest.raises(ArgumentError, match="fine_steps"):
        schedule_gain(fails, GAUSSIAN, fine_steps=3)
    with pytest.raises(UnknownNameError, match="did you mean 'karras'"):
        schedule_gain(fails, GAUSSIAN, schedules=("karas",))
    with pytest.raises(UnknownNameError, match="solver"):
        schedule_gain(fails, GAUSSIAN, solver="ddpm")
    with pytest.raises(EmptyDataError):
        schedule_gain(fails, torch.zeros(0, 3))
    with pytest.raises(ArgumentError, match="steps"):
        schedule_errors(torch.eye(2), 0)


def test_errors_of_schedules_have_those_of_the_data():
    draw = torch.randn(300, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64) * torch.tensor(
        [3, 1, 0.3]
    )
    found = schedule_errors(draw, 6, "heun")
    exact = sampling_error([9.0, 1.0, 0.09], found.sigmas.sel(schedule="karras").values, "heun")
    at = found.sel(schedule="karras")
    assert float(at.error_stderr) > 0 and abs(float(at.error) - exact) < 5 * float(at.error_stderr)
    assert (schedule_errors(torch.eye(3), 6).error_stderr == 0).all()
    assert "ddpm_steps" not in schedule_errors(torch.eye(3), 6, sigma_max=500.0)


def test_command_prints_what_can_be_pasted(capsys, tmp_path):
    out = tmp_path / "schedule.nc"
    assert main(["schedule", "digits", "--steps", "5", "--solver", "euler", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    own = printed[printed.index("5 euler steps") :]
    assert all(len(line) <= 80 for line in own.splitlines() if not line.startswith("written"))
    values: dict[str, list[float]] = {}
    for name in ("sigmas", "timesteps"):
        text = printed[printed.index(f"{name} = [") :]
        values[name] = json.loads(text[text.index("[") : text.index("]") + 1])
    saved = _results.load(out).sel(schedule="optimal")
    np.testing.assert_allclose(values["sigmas"], saved.sigmas, rtol=1e-5)
    assert values["timesteps"] == (saved.ddpm_steps.values - 1).tolist()
    found = sampling_error(GaussianDenoiser.fit(digits()).covariance.spectrum, values["sigmas"])
    assert found == pytest.approx(float(saved.error), rel=1e-5)


def digits():
    from idealscore.learned.data import load

    return load("digits").images


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_diffusers_walk_the_same_levels():
    diffusers = pytest.importorskip("diffusers")
    gaussian = GaussianDenoiser.fit(digits()[:200].double())
    best = optimal_schedule(gaussian.covariance.spectrum, 6)
    scheduler = diffusers.EulerDiscreteScheduler(beta_start=1e-4, beta_end=0.02)
    scheduler.set_timesteps(sigmas=best.tolist())
    np.testing.assert_allclose(scheduler.sigmas.numpy(), best, rtol=1e-6)
    x = starting_noise(3, (1, 8, 8), 80.0)
    ours, theirs = sample(gaussian, x, best, "euler"), x
    for step, sigma in zip(scheduler.timesteps, best, strict=False):
        epsilon = (theirs - gaussian(theirs, float(sigma))) / sigma
        theirs = scheduler.step(epsilon, step, theirs).prev_sample
    assert float((ours - theirs).abs().max()) < 1e-3


def blocks(printed):
    """(scheduler, lines) of what is printed for diffusers, each with the lists before it."""
    text = printed[printed.index("to paste:") + 9 : printed.index("# k-diffusion")]
    pieces = re.split(r"^# diffusers, (\w+)[^\n]*\n", text, flags=re.M)
    lists = pieces[0]
    for name, lines in zip(pieces[1::2], pieces[2::2], strict=True):
        call, _, more = lines.partition("\n")
        yield name, f"{lists}\n{call}"
        lists += more


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("solver", "kinds"), [("euler", ["sigmas", "timesteps"]), ("heun", ["timesteps"]), ("ddpm", ["timesteps"])]
)
def test_what_is_printed_runs_in_diffusers_and_gives_the_same_samples(capsys, monkeypatch, solver, kinds):
    """The lines are run as they are printed; the noise of ancestral steps is 0 in both."""
    diffusers = pytest.importorskip("diffusers")
    ancestral = "diffusers.schedulers.scheduling_ddpm.randn_tensor"
    monkeypatch.setattr(ancestral, lambda shape, **_: torch.zeros(shape, dtype=torch.float64))
    gaussian = GaussianDenoiser.fit(digits()[:200].double())
    assert main(["schedule", "digits", "--steps", "4", "--solver", solver]) == 0
    found = list(blocks(capsys.readouterr().out))
    assert len(found) == len(kinds)
    for (name, lines), kind in zip(found, kinds, strict=True):
        scheduler = getattr(diffusers, name)(
            beta_start=1e-4, beta_end=0.02, **({"clip_sample": False} if solver == "ddpm" else {})
        )
        names = {"scheduler": scheduler}
        exec(lines, names)
        signal = scheduler.alphas_cumprod.double()
        known = ((1 - signal) / signal).sqrt()
        levels = np.array(names[kind] if kind == "sigmas" else [*known[list(names[kind])].tolist(), 0.0])
        theirs = starting_noise(3, (1, 8, 8), levels[0])
        ours = theirs
        if solver == "ddpm":
            for sigma, end in itertools.pairwise(levels.tolist()):
                clean = gaussian(ours, sigma)
                ours = clean + (end / sigma) ** 2 * (ours - clean)
            theirs = theirs * signal[names[kind][0]].sqrt()
        else:
            ours = sample(gaussian, theirs, levels, solver, show=False)
        for i, step in enumerate(scheduler.timesteps):
            sigma = float(levels[i] if kind == "sigmas" else known[int(step)])
            state = theirs / signal[int(step)].sqrt() if solver == "ddpm" else theirs
            theirs = scheduler.step((state - gaussian(state, sigma)) / sigma, step, theirs).prev_sample
        torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-3)


def test_command_tries_a_network(capsys, tmp_path):
    from idealscore.learned import MLPDenoiser, checkpoint

    path = tmp_path / "network.safetensors"
    checkpoint.save(MLPDenoiser((1, 8, 8), width=8, depth=1), path)
    command = ["schedule", "digits", "--steps", "4", "--model", str(path), "--n", "3", "--fine-steps", "8"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "distance to 8 Heun steps from the same noise" in printed and "unrelated samples" in printed
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["schedules"]) == 8 and "distance" in told["network"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--steps", "0"], "steps"),
        (["--solver", "huen"], "heun"),
        (["--sigma-max", "-1"], "sigma_max"),
        (["--sigma-min", "90"], "sigma_min"),
        (["--n", "1"], "n: "),
        (["--solver", "ddpm", "--model", "nowhere"], "solver"),
    ],
)
def test_bad_options_are_one_line(capsys, arguments, word):
    assert main(["schedule", "digits", *arguments]) == 2
    told = capsys.readouterr().err.strip()
    assert word in told and len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("levels", "word"), [(["1", "2"], "decreasing"), (["80", "one", "0"], "sigmas"), (["karas"], "sigmas")]
)
def test_levels_to_sample_at_must_fall(capsys, levels, word):
    assert main(["sample", "nowhere", "--sigmas", *levels]) == 2
    assert word in capsys.readouterr().err


def test_samples_at_given_levels(capsys, tmp_path):
    from idealscore.learned import MLPDenoiser, checkpoint

    path = tmp_path / "network.safetensors"
    checkpoint.save(MLPDenoiser((1, 8, 8), width=8, depth=1), path)
    assert main(["sample", str(path), "--n", "2", "--sigmas", "[80,", "5.5,", "0]", "--out", str(tmp_path / "s")]) == 0
    assert json.loads((tmp_path / "s" / "sampling.json").read_text())["sigmas"] == [80.0, 5.5, 0.0]
    capsys.readouterr()
