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
