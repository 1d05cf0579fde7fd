"""Noise levels on a network's own grid, and ranges that are cut to what a network knows."""

import numpy as np
import pytest
import torch

from idealscore import DiscreteSchedule
from idealscore.compare import track
from idealscore.errors import ArgumentError, NoiseLevelError
from idealscore.learned import GuidedDenoiser, wrap
from idealscore.learned.sampling import sample_to_folder
from idealscore.simulate.diffusion import sample, trajectory
from idealscore.theory import GaussianDenoiser
from idealscore.theory.levels import asked_levels, known_levels, known_range, within_known_range

LINEAR = DiscreteSchedule.linear(1000)


def stepped(**options):
    """The optimum of N(0, 1), told the index."""

    def noise(z, index):
        abar = torch.from_numpy(LINEAR.alpha_bar[1:].copy())[index.long()].to(z)
        return (1 - abar).sqrt().reshape(-1, 1) * z

    return wrap.function(noise, "noise", "index", schedule=LINEAR, integer=True, shape=(3,), **options)


def test_the_nearest_levels_are_those_of_a_search():
    net = stepped()
    asked = np.geomspace(0.02, 100, 25)
    found = known_levels(net, asked)
    own = LINEAR.sigmas[1:]
    nearest = [own[np.abs(np.log(own / level)).argmin()] for level in asked]
    assert found.tolist() == list(dict.fromkeys(nearest))
    assert known_levels(net, asked[::-1]).tolist() == found.tolist()[::-1]
    assert (net.steps(found)[2] < 1e-12).all()
    assert known_levels(net, np.geomspace(0.01, 0.0101, 9)).size == 1  # each once


def test_without_a_grid_the_range_is_cut():
    net = wrap.function(lambda z, t: z, clock="vp_time")
    top = known_range(net)[1]
    assert known_levels(net, [0.5, 1.0, 2 * top]).tolist() == [0.5, 1.0]
    assert known_levels(lambda x, sigma: x, [0.5, 1e5]).tolist() == [0.5, 1e5]
    assert within_known_range(net, 0.1, 1e5) == (0.1, top)
    assert known_range(lambda x, sigma: x) == (0.0, np.inf)
    default = known_levels(net)
    assert default.size == 18 and default[0] == pytest.approx(80) and (np.diff(default) < 0).all()
    for wrong in ([2 * top, 3 * top], [1e4]):
        with pytest.raises(NoiseLevelError, match="lie beyond the network's"):
            known_levels(net, wrong)
    with pytest.raises(ArgumentError, match="'network'"):
        asked_levels(net, "net")


def test_samplers_walk_the_steps_of_the_network(tmp_path):
    net = stepped()
    levels = [level for level, _ in trajectory(net, torch.zeros(2, 3), "network")]
    assert levels[-1] == 0 and set(levels[:-1]) <= set(LINEAR.sigmas.tolist()) and levels[0] == known_levels(net)[0]
    x = torch.randn(4000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * levels[0]
    assert float(sample(net, x, "network").std()) == pytest.approx(1, abs=0.1)
    for name, sigmas in {"own": "network", "default": None}.items():
        path = sample_to_folder(net, tmp_path / name, 3, sigmas=sigmas, show=False)
        assert np.isfinite(np.load(path)["images"]).all()


def test_track_at_the_steps_of_the_network():
    x0 = torch.randn(30, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    theories = {"gaussian": GaussianDenoiser(torch.zeros(3), torch.eye(3))}
    found = track(stepped(), theories, x0, "network", show=False)
    assert found.sigma.values.tolist() == known_levels(stepped()).tolist()
    np.testing.assert_allclose(LINEAR.sigmas[1:][found.network_step.values.astype(int)], found.sigma)
    assert float(found.step_error.max()) < 1e-9 and float(found.explained_variance.min()) > 1 - 1e-5
    between = track(stepped(), theories, x0, [0.0123, 1.0], show=False)
    assert between.step_error.values == pytest.approx(np.abs(np.log(between.network_sigma / [0.0123, 1.0])) / 2)
    assert float(between.step_error[0]) > 1e-2 and float(between.explained_variance.isel(sigma=0, theory=0)) < 1 - 1e-4
    assert "network_step" not in track(theories["gaussian"], theories, x0, [1.0], show=False)
    with pytest.raises(ArgumentError, match="'network'"):
        track(stepped(), theories, x0, "steps", show=False)


def test_a_guided_network_has_the_steps_of_its_network():
    net = stepped()
    guided = GuidedDenoiser(net, 1)
    assert [part.tolist() for part in guided.steps([1.0])] == [part.tolist() for part in net.steps([1.0])]
    with pytest.raises(ArgumentError, match="without steps"):
        GuidedDenoiser(lambda x, sigma, condition: x, 1).steps([1.0])  # pyright: ignore[reportArgumentType]


def small(**options):
    from idealscore.compare import Comparison

    return Comparison(n_images=6, n_noise=1, n_samples=2, theories=("gaussian",), **options)


@pytest.fixture(scope="module")
def digits():
    from idealscore.learned.data import load

    return load("digits").subset(80).split(0.5, seed=0)


def gaussian_in_steps(training, **options):
    """The Gaussian optimum of the digits, told the index."""
    from idealscore.theory import GaussianDenoiser

    ideal, levels = GaussianDenoiser.fit(training.images), torch.from_numpy(LINEAR.sigmas[1:].copy()).float()

    def noise(z, index):
        sigma = levels[index.long()]
        x = z * (1 + sigma**2).sqrt().reshape(-1, 1, 1, 1)
        return (x - ideal(x, sigma)) / sigma.reshape(-1, 1, 1, 1)

    return wrap.function(noise, "noise", "index", schedule=LINEAR, integer=True, **options)


def test_a_comparison_shows_the_steps_and_what_rounding_costs(digits, tmp_path):
    from idealscore.compare import compare, report
    from idealscore.compare.comparison import table

    net = gaussian_in_steps(digits[0])
    on = compare(net, *digits, small(levels=4, noise_levels="network"), show=False)  # pyright: ignore[reportCallIssue]
    assert set(on.sigma.values) <= set(LINEAR.sigmas) and len(on.sigma) == 4
    assert on.closest.values.tolist() == [["gaussian"] * 4] * 2
    text = table(on)
    assert "network step" in text.splitlines()[0] and "rounded" not in text
    steps = [line.split()[2] for line in text.splitlines()[2:] if line.lstrip()[:1].isdigit()][:4]
    assert steps == [f"{step:.0f}" for step in on.network_step.values[::-1]]
    off = compare(net, *digits, small(noise_levels=(0.05, 0.7)), show=False)  # pyright: ignore[reportCallIssue]
    worst = float(off.step_error.max())
    assert f"at most {worst:.2g} |x - mean| off" in table(off)
    assert "network step" in report(off, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "rounded to whole" in page and '<th scope="col">network step</th>' in page


def test_several_networks_at_their_steps(digits):
    from idealscore.compare import compare_models, one_model
    from idealscore.theory import GaussianDenoiser

    training, held_out = digits
    one, other = gaussian_in_steps(training), gaussian_in_steps(training, range=(-0.5, 0.5))
    config = small(levels=2, sigma_min=0.1, sigma_max=2.0, noise_levels="network")
    found = compare_models({"one": one, "two": one}, training, held_out, config, show=False)
    assert set(found.sigma.values) <= set(LINEAR.sigmas) and found.network_step.shape == (2, 2)
    with pytest.raises(ArgumentError, match="different steps"):
        compare_models({"one": one, "two": other}, training, held_out, config, show=False)
    mixed = {"one": one, "plain": GaussianDenoiser.fit(training.images)}
    found = compare_models(mixed, training, held_out, small(noise_levels=(0.2, 2.0)), show=False)
    assert "network_step" in one_model(found, "one") and "network_step" not in one_model(found, "plain")


@pytest.mark.slow
def test_levels_of_the_command_line(digits, tmp_path, monkeypatch, capsys):
    from idealscore.cli import main

    (tmp_path / "net_in_steps.py").write_text(
        "from idealscore import DiscreteSchedule\nfrom idealscore.learned import wrap\n\n\n"
        "def build():\n    schedule = DiscreteSchedule.linear(100, 0.001, 0.1)\n"
        "    return wrap.function(lambda z, t: z, 'noise', 'index', schedule=schedule, integer=True)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    usual = ["compare", "digits", "--model", "net_in_steps:build", "--trust", "--n-images", "4", "--n-noise", "1"]
    usual += ["--theories", "gaussian"]
    assert main([*usual, "--sigmas", "network", "--levels", "3", "--out", "on"]) == 0
    out = capsys.readouterr().out
    assert "network step" in out and "rounded" not in out
    assert main([*usual, "--sigmas", "0.5", "2", "500", "--out", "off"]) == 0
    found = capsys.readouterr()
    assert "the part of 0.5 to 500 that is known" in found.err and "rounded to whole steps" in found.out
    assert main([*usual, "--sigmas", "500", "--out", "none"]) == 2
    assert main([*usual, "--sigmas", "steps", "--out", "none"]) == 2
