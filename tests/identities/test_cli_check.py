"""`idealscore check`: the identity table of a saved network, with errors, and its refusals."""

import json

import numpy as np
import pytest
import torch

from idealscore._support import results as _results
from idealscore._support.cost import Pace
from idealscore.cli import main
from idealscore.compare.measures import _network_identities, identities_table, network_identities
from idealscore.compare.measures._network_identities import rows
from idealscore.errors import ArgumentError
from idealscore.learned import checkpoint, data
from idealscore.learned.networks import EnsembleDenoiser, LinearDenoiser, MLPDenoiser, UNetDenoiser
from idealscore.theory.identities import assert_identities

LOCAL = ("symmetry", "positivity", "curl_free", "denoiser_equation")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network that has seen nothing, saved as if trained on digits."""
    path = tmp_path_factory.mktemp("run") / "weights.safetensors"
    network = MLPDenoiser((1, 8, 8), width=32, depth=2, seed=3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.from_numpy(np.random.default_rng(0).standard_normal(parameter.shape)).float()
    checkpoint.save(network, path, data={"name": "digits[train 1438, seed 0]"})
    return path


def test_the_table_of_a_saved_network(run, tmp_path, capsys):
    out = tmp_path / "identities.nc"
    command = ["check", str(run), "--sigmas", "0.5", "2.0", "--samples", "64", "--out", str(out)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    for word in ("sigma 0.5", "sigma 2", "symmetry", "curl_free", "martingale", "±", "not measured: ", "tweedie"):
        assert word in printed
    result = _results.load(out)
    symmetry = result.sel(identity="symmetry")
    assert (symmetry["size"] > 4 * symmetry["size_stderr"]).all(), "an untrained network is not a gradient field"
    assert (symmetry["verdict"] == "broken").all()
    assert "command" in result.attrs and result.attrs["seed"] == "0"


def test_json_lists_what_was_measured(run, capsys):
    assert main(["check", str(run), "--sigmas", "1.0", "--identities", *LOCAL, "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [record["identity"] for record in records] == list(LOCAL)
    assert all(record["size_stderr"] >= 0 and record["sigma"] == 1.0 for record in records)


def test_the_asymmetry_of_a_linear_network_is_that_of_its_matrix():
    network = LinearDenoiser((1, 4, 4), seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    result = network_identities(network, None, [1.0], identities=["symmetry"], n_points=64)
    x = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    matrix = torch.autograd.functional.jacobian(lambda y: network.double()(y, 1.0), x).reshape(16, 16)
    wanted = float((matrix - matrix.T).norm() / matrix.norm())
    found = result.sel(identity="symmetry", sigma=1.0)
    assert abs(float(found["size"]) - wanted) < 5 * float(found["size_stderr"])


def test_a_member_of_an_ensemble():
    networks = [MLPDenoiser((1, 4, 4), width=8, depth=1, seed=seed) for seed in range(2)]
    both = network_identities(EnsembleDenoiser(networks), None, [1.0], identities=["symmetry"], member=1)
    alone = network_identities(networks[1], None, [1.0], identities=["symmetry"])
    assert float(both["size"].item()) == pytest.approx(float(alone["size"].item()), rel=1e-12)
    with pytest.raises(ArgumentError, match="member"):
        network_identities(EnsembleDenoiser(networks), None, [1.0], member=2)


def test_rows_and_table_agree():
    network = MLPDenoiser((1, 8, 8), width=8, depth=1)
    result = network_identities(network, data.load("digits"), [1.0], identities=["symmetry", "mean"], n_samples=32)
    assert [row["identity"] for row in rows(result)] == ["symmetry", "mean"]
    assert identities_table(result).splitlines()[1].startswith("symmetry")


def test_bad_input_is_one_line(run, tmp_path, capsys):
    for arguments, word in (
        ([str(tmp_path / "none")], "does not exist"),
        ([str(run), "--sigmas", "-1.0"], "sigmas"),
        ([str(run), "--identities", "symmetri"], "did you mean 'symmetry'"),
        ([str(run), "--points", "1"], "points"),
    ):
        assert main(["check", *arguments]) == 2
        assert word in capsys.readouterr().err
    with pytest.raises(ArgumentError, match="data: are images of shape"):
        network_identities(MLPDenoiser((1, 4, 4), width=8, depth=1), data.load("digits"), [1.0])


@pytest.mark.slow
def test_a_unet_of_3072_dimensions_takes_under_a_minute():
    """Default settings, float32, one core: measured as processor time, so that a busy machine does not count."""
    import time

    network = UNetDenoiser((3, 32, 32)).eval()
    prior = lambda n, seed: torch.from_numpy(np.random.default_rng(seed).standard_normal((n, 3, 32, 32)))  # noqa: E731
    start = time.process_time()
    with pytest.raises(AssertionError):
        assert_identities(network, (3, 32, 32), [1.0], prior=prior, every_sigma=False, dtype=torch.float32)
    assert time.process_time() - start < 60


def test_a_stopped_check_keeps_the_levels_that_are_done_and_says_which_are_left(tmp_path, capsys, monkeypatch):
    run, out = tmp_path / "net.safetensors", tmp_path / "check.nc"
    checkpoint.save(LinearDenoiser((2,)), run)
    command = ["check", str(run), "--sigmas", "0.5", "1.0", "2.0", "--identities", "symmetry", "--out", str(out)]
    real = _network_identities.check

    def stopping(denoiser, x, sigma, **options):
        if sigma == 2.0:
            raise KeyboardInterrupt
        return real(denoiser, x, sigma, **options)

    with monkeypatch.context() as patch:
        patch.setattr(_network_identities, "check", stopping)
        assert main(command) == 130
    told = capsys.readouterr()
    assert "plan: 1 identities at 3 noise levels" in told.err
    assert "stopped; 2 of 3 noise levels are done, kept in" in told.err
    assert "--sigmas 2\n" in told.err
    assert "symmetry" in told.out
    assert _results.load(out).sigma.values.tolist() == [0.5, 1.0]
    assert main([*command, "--budget", "0.0001s"]) == 2
    assert "budget: leaves" in capsys.readouterr().err
    monkeypatch.setattr("idealscore.cli._plans.check.allowed", lambda *_: 2.5)
    monkeypatch.setattr("idealscore.cli._plans.check.probe", lambda *_, **__: Pace(0.0, 1.0, 0.0))
    assert main(command) == 0
    assert "2 of 3 noise levels, to keep the budget" in capsys.readouterr().err
    assert _results.load(out).sigma.values.tolist() == [0.5, 2.0]


def test_a_large_network_is_averaged_over_fewer_draws_by_default(monkeypatch):
    """So that the defaults take minutes; what is asked for is done."""
    small, large = (MLPDenoiser((1, 8, 8), width=width, depth=2) for width in (8, 700))
    draws_of = _network_identities.draws_of
    count = sum(weight.numel() for weight in large.parameters())
    assert draws_of(small, None, (1, 8, 8)) == 2048 and draws_of(lambda x, sigma: x, None, (1, 8, 8)) == 2048
    assert draws_of(large, None, (1, 8, 8)) == _network_identities.WORK // count < 300
    assert draws_of(large, 2048, (1, 8, 8)) == 2048
    several = EnsembleDenoiser([large, large])
    assert draws_of(several, None, (1, 8, 8), 1) == draws_of(large, None, (1, 8, 8))
    monkeypatch.setattr(_network_identities, "WORK", 1)
    assert draws_of(large, None, (1, 8, 8)) == 24

    seen = []
    real = _network_identities.check
    monkeypatch.setattr(
        _network_identities,
        "check",
        lambda *given, n_samples, **options: seen.append(n_samples) or real(*given, n_samples=n_samples, **options),
    )
    network_identities(small, data.load("digits"), [1.0], identities=["mean"])
    assert seen == [24]


def test_the_plan_counts_what_the_draws_have_in_common_once(run, monkeypatch):
    """A network that is slow to begin with is not said to be slow for each draw."""
    from idealscore._support import cost
    from idealscore.cli._plans import check as plans

    shown = []
    monkeypatch.setattr(cost, "_timed", lambda work, n: 1.2 + 0.002 * n)
    monkeypatch.setattr(plans, "show_plan", lambda plan, spent: shown.append(plan))
    options = {"condition": None, "member": 0, "identities": ["mean"], "seed": 0}
    plans.planned_levels(checkpoint.load(run), data.load("digits"), [1.0, 2.0], 4, 1000, options, "", 0.0)
    assert shown[0].seconds == pytest.approx(2 * (1.2 + 0.002 * 999))  # not 2 * 1000 * 1.2
