"""Refusals of percolation, estimates of thresholds and exponents, and the command."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from idealscore import cli
from idealscore.errors import (
    ArgumentError,
    DeviceMemoryError,
    EmptyDataError,
    EstimateError,
    NotFiniteError,
    ShapeError,
    UnknownNameError,
)
from idealscore.simulate import percolation
from idealscore.simulate.percolation import canonical, inputs

# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (("squar", "site", 8, 1), UnknownNameError, "lattice: .*did you mean 'square'"),
        (("square", "sites", 8, 1), UnknownNameError, "kind: .*'site'"),
        (("square", "site", 1, 1), ArgumentError, "size: is 1"),
        (("square", "site", 8.0, 1), ArgumentError, "size"),
        (("square36", "site", 3, 1), ArgumentError, "size: is 3"),
        (("square", "site", (8, 8, 8), 1), ShapeError, "size"),
        (("square", "site", 8, 0), ArgumentError, "n_runs: is 0"),
        (("square", "site", 8, 1, -1), ArgumentError, "seed"),
        (("square", "site", 60_000, 1), DeviceMemoryError, "size"),
        (("cubic", "bond", 1000, 1), DeviceMemoryError, "size"),
    ],
)
def test_sweep_refusals(call, error, words):
    with pytest.raises(error, match=words):
        percolation.sweep(*call)


def test_work_that_does_not_fit_is_refused_with_the_estimate(monkeypatch):
    monkeypatch.setattr(inputs, "available_memory", lambda: 2**30)
    with pytest.raises(DeviceMemoryError, match=r"needs about \d+\.\d GiB, 1.0 GiB are free"):
        percolation.sweep("square", "site", 16_384, 1)


def test_the_largest_lattice_of_the_promise_needs_less_than_6_gib(monkeypatch):
    monkeypatch.setattr(inputs, "available_memory", lambda: 6 * 2**30)
    inputs.require_memory(16_384**2, 16_384**2, 1, inputs.QUANTITIES, 1, 4)
    monkeypatch.setattr(inputs, "available_memory", lambda: 3 * 2**30)
    with pytest.raises(DeviceMemoryError):
        inputs.require_memory(16_384**2, 16_384**2, 1, inputs.QUANTITIES, 1, 4)


def test_other_refusals():
    result = percolation.sweep("square", "site", 4, 2)
    for p in (-0.1, 1.1, [0.5, np.nan]):
        with pytest.raises(ArgumentError, match="p: "):
            result.canonical(p)
        with pytest.raises(ArgumentError, match="p: "):
            canonical(np.arange(3.0), p)
    with pytest.raises(ShapeError, match="q_n"):
        canonical(np.ones(1), 0.5)
    with pytest.raises(NotFiniteError, match="q_n"):
        canonical(np.array([0.0, np.inf]), 0.5)
    with pytest.raises(UnknownNameError, match="quantities"):
        percolation.sweep("square", "site", 4, 1, quantities=("largets",))
    with pytest.raises(EmptyDataError, match="quantities"):
        percolation.sweep("square", "site", 4, 1, periodic=False, quantities=("wrapping",))
    with pytest.raises(ShapeError, match="field"):
        percolation.label(np.zeros(4), 0.5)
    with pytest.raises(ShapeError, match="last"):
        percolation.label(np.zeros((4, 4)), 0.5, "honeycomb")
    with pytest.raises(NotFiniteError, match="field"):
        percolation.label(np.full((4, 4), np.nan), 0.5)
    with pytest.raises(ArgumentError, match="p: "):
        percolation.label(np.zeros((4, 4)), np.inf)


# ---------------------------------------------------------------- estimates


def test_threshold_estimates_are_honest():
    """Twenty independent estimates of the bond threshold 1/2: their pulls have unit variance."""
    pulls = []
    for seed in range(20):
        swept = percolation.sweep("square", "bond", 32, 300, seed=seed, quantities=("wrapping",))
        estimate = percolation.estimate_threshold(swept)
        pulls.append((estimate.value - 0.5) / np.hypot(estimate.stderr, estimate.systematic))
    # sum of 20 squared unit normals: 4 < chi2 < 70 has probability 1 - 1e-4 below and 2e-7 above
    assert 4 < np.sum(np.square(pulls)) < 70


def test_estimates_that_cannot_be_trusted_are_refused():
    wrapping: dict[str, Any] = {"quantities": ("wrapping",)}
    single = percolation.sweep("square", "site", 8, 1, **wrapping)
    with pytest.raises(ArgumentError, match="n_runs"):
        percolation.estimate_threshold(single)
    with pytest.raises(ArgumentError, match="wrapping"):
        percolation.estimate_threshold(percolation.sweep("square", "site", 8, 4, periodic=False))
    with pytest.raises(ArgumentError, match="different lattices"):
        percolation.estimate_threshold(
            [percolation.sweep(name, "site", 8, 4, **wrapping) for name in ("square", "kagome")]
        )
    with pytest.raises(ArgumentError, match="repeat a size"):
        percolation.estimate_threshold([percolation.sweep("square", "site", 8, 4, **wrapping)] * 2)
    with pytest.raises(ArgumentError, match="two sizes"):
        percolation.estimate_threshold(percolation.sweep("cubic", "site", 6, 4, **wrapping))
    with pytest.raises(EmptyDataError, match="sweeps"):
        percolation.estimate_threshold([])
    few = percolation.disks(4, 20, eta_max=0.3, **wrapping)
    with pytest.raises(EstimateError, match="does not cross"):
        percolation.estimate_threshold(few)


def test_sizes_that_disagree_raise_with_the_estimate():
    from dataclasses import replace

    small = percolation.sweep("square", "bond", 16, 2000, quantities=("wrapping",))
    large = percolation.sweep("square", "bond", 32, 2000, quantities=("wrapping",))
    shifted = replace(large, wraps=large.wraps + 100)
    with pytest.raises(EstimateError, match="disagree") as caught:
        percolation.estimate_threshold([small, shifted])
    estimate = caught.value.estimate
    assert isinstance(estimate, percolation.ThresholdEstimate) and 0.4 < estimate.value < 0.6


def test_a_collapse_recovers_the_exponents_it_was_made_with():
    """Curves drawn from a known scaling function with noise: the fit returns what was put in, within its errors."""
    from idealscore.simulate.percolation.data_collapse import Curves, fit_collapse

    rng = np.random.default_rng(5)
    truth = (0.5, 0.8, -0.2)
    made = []
    for size in (16.0, 32.0, 64.0):
        p = np.linspace(0.5 - 0.5 / size**0.8, 0.5 + 0.5 / size**0.8, 30)
        exact = size ** truth[2] * (1 + np.tanh(1.5 * (p - 0.5) * size**0.8))
        noise = 0.003 * exact[:, None] * rng.standard_normal((30, 16))
        made.append(Curves(size, p, exact[:, None] + noise, np.ones(16, int), 0.003 * exact / 4))
    best = fit_collapse(made, (0.505, 0.75, -0.15), degree=7)
    assert_allclose(best.parameters, truth, atol=4e-3)
    assert 0.5 < best.misfit < 2
    wrong = fit_collapse(made, (0.5, 1.3, -0.2), degree=7, free=(True, False, True))
    assert wrong.misfit > 10 * best.misfit


def test_finite_size_scaling_of_real_sweeps():
    sweeps = [percolation.sweep("square", "bond", L, n, seed=3) for L, n in ((16, 1200), (32, 600))]
    fit = percolation.finite_size_scaling(sweeps, "wrapping_horizontal", guess=(0.5, 0.75, 0.0), degree=5)
    assert abs(float(fit.threshold) - 0.5) < 5 * float(fit.threshold_stderr)
    assert abs(float(fit.one_over_nu) - 0.75) < 5 * float(fit.one_over_nu_stderr) + 0.02
    assert float(fit.kappa) == 0 and float(fit.kappa_stderr) == 0
    with pytest.raises(UnknownNameError, match="quantity"):
        percolation.finite_size_scaling(sweeps, "larges", guess=(0.5, 0.75, -0.1))
    with pytest.raises(EmptyDataError, match="sweeps"):
        percolation.finite_size_scaling(sweeps[:1], guess=(0.5, 0.75, -0.1))


# ---------------------------------------------------------------- the command


def test_the_command_prints_and_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["percolate", "square", "--kind", "bond", "--size", "32", "--runs", "300", "--seed", "1"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "threshold" in printed and "0.500000" in printed and "Pinson1994" in printed
    from idealscore._support.results import load

    curves = load(tmp_path / "percolate-square-bond.nc")
    assert curves.sizes == {"size": 3, "p": 101} and curves.attrs["seed"] == "1"
    assert cli.main([*arguments, "--json", "--out", "other.nc"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["name"] == "threshold" and abs(rows[0]["value"] - 0.5) < 6 * rows[0]["stderr"]
    assert (tmp_path / "other.nc").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["squar"], "did you mean 'square'"),
        (["square", "--kind", "sites"], "did you mean 'site'"),
        (["square", "--size", "1"], "size: is 1"),
        (["square", "--runs", "0"], "n_runs: is 0"),
        (["disks"], "continuum"),
    ],
)
def test_the_command_refuses_in_one_line(arguments, words, capsys):
    assert cli.main(["percolate", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


# ---------------------------------------------------------------- one line on screen


def test_results_say_in_one_line_what_they_are():
    swept = percolation.sweep("square", "site", 8, 4, seed=3)
    assert repr(swept) == "Sweep(square site, L=8, runs=4, seed=3)"
    assert repr(percolation.sweep("square", "bond", (8, 4), 2)) == "Sweep(square bond, L=8x4, runs=2, seed=0)"
    assert repr(percolation.sweep_field(np.eye(3))) == "Sweep(square site, L=3, runs=1)"
    assert repr(percolation.graph([(0, 1), (1, 2)], "bond", 5)) == "Sweep(edge list bond, sites=3, runs=5, seed=0)"
    assert repr(percolation.disks(2.5, 2)) == "Sweep(disks continuum, L=2.5, runs=2, seed=0)"
    assert repr(percolation.study("square", "bond", 8, 20, show=False)) == "Study(square bond, L=2, 4, 8, 9 rows)"
