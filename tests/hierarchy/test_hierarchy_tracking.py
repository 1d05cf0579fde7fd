"""Tracks against exact belief propagation: the optimum passes with zeros, every wrong posterior is found out."""

from typing import Any

import numpy as np
import pytest
import torch

from idealscore._support import results as _results
from idealscore.compare.hierarchy import hierarchy_progress, hierarchy_track
from idealscore.errors import ArgumentError, DenoiserContractError, EmptyDataError, NoiseLevelError, ShapeError
from idealscore.learned.networks import HierarchyNet
from idealscore.simulate.hierarchy import exact_predictor, sample
from idealscore.theory.belief_propagation import FilteredDenoiser, FilteredPropagation, HierarchicalDenoiser, masking
from idealscore.theory.grammar import Grammar

GRAMMAR = Grammar.random(6, 3, 2, 3, seed=0)
OPTIONS: dict[str, Any] = {"n": 200, "n_steps": 60, "seed": 1, "show": False}


def naive_predictor(observed, noise):
    return FilteredPropagation(GRAMMAR, 3).leaf_posterior(masking.log_likelihood(observed, 6, noise))


@pytest.fixture(scope="module")
def exact():
    return hierarchy_track(HierarchicalDenoiser(GRAMMAR), GRAMMAR, [0.3, 0.6, 1.0], **OPTIONS)


@pytest.fixture(scope="module")
def naive():
    return hierarchy_track(FilteredDenoiser(GRAMMAR, 3), GRAMMAR, [0.3, 0.6, 1.0], **OPTIONS)


def test_the_optimum_is_at_no_distance_from_itself(exact):
    assert float(exact.total_variation.max()) == 0
    assert float(exact.score_error.max()) == 0
    assert exact.effective_k.values.tolist() == [0, 0, 0]
    assert bool(exact.tied.sel(k=0).all())


def test_the_optimum_generates_valid_strings(exact):
    """99.9 % per string; 200 strings with at most 3 invalid: P(> 3) < 1e-6 by a Poisson law of mean 0.1 ... 0.2."""
    assert exact.generated_valid.dims == ("level",)
    assert float(exact.generated_valid.min()) >= 1 - 3 / 200
    assert float(exact.valid.min()) >= 1 - 3 / 200
    np.testing.assert_allclose(exact.generated_rule, 1, atol=0.01)


def test_the_optimum_reconstructs_as_the_posterior_says(exact):
    """Within 5.5 standard errors in 12 cells (false positives < 1e-6), plus 0.01 for the finite steps."""
    gap = np.abs(exact.reconstruction - exact.reconstruction_exact)
    assert bool((gap <= 5.5 * np.hypot(exact.reconstruction_stderr, exact.reconstruction_exact_stderr) + 0.01).all())
    assert float(exact.reconstruction.sel(sigma=0.3, level=0)) > 0.95
    assert float(exact.reconstruction.sel(sigma=1.0, level=3)) < 0.5


def test_naive_bayes_is_found_out(naive):
    assert naive.effective_k.values.tolist() == [3, 3, 3]
    assert bool((naive.total_variation > 10 * naive.total_variation_stderr).all())
    assert float(naive.total_variation.sel(sigma=0.6)) > 0.1
    assert float(naive.filtered_variation.sel(k=3).max()) < 1e-12
    assert float(naive.generated_valid.sel(level=1)) < 0.5
    assert bool((naive.valid.diff("level") <= 0).all())
    lost = (naive.reconstruction_exact - naive.reconstruction).sel(sigma=0.6, level=3)
    assert float(lost) > 5 * float(naive.reconstruction_stderr.sel(sigma=0.6, level=3))


def test_a_middle_filter_is_named():
    track = hierarchy_track(FilteredDenoiser(GRAMMAR, 1), GRAMMAR, [0.7], **{**OPTIONS, "n": 50, "n_steps": 3})
    assert track.effective_k.values.tolist() == [1] and not bool(track.tied.sel(k=0).any())


def test_score_error_is_the_relative_squared_distance():
    """A denoiser moved by a constant c has |D_net - D_BP|^2 = leaves v c^2 everywhere."""
    exact = HierarchicalDenoiser(GRAMMAR)
    track = hierarchy_track(lambda x, sigma: exact(x, sigma) + 0.01, GRAMMAR, [0.5], **{**OPTIONS, "n_steps": 2})
    again = hierarchy_track(lambda x, sigma: x, GRAMMAR, [0.5], **{**OPTIONS, "n_steps": 2})
    assert float(again.score_error[0]) == pytest.approx(1)
    mean_move = 48 * 0.5**2  # E|D - x|^2 = E|n|^2 sigma^2 - E|D - x0|^2
    assert 48 * 0.01**2 / mean_move < float(track.score_error[0]) < 1.5 * 48 * 0.01**2 / mean_move
    assert float(track.total_variation[0]) == pytest.approx(6 * 0.01 / 2, rel=1e-6)


def test_masking():
    """Unmasking leaf by leaf with the exact posterior is exact: valid strings, at the rates of the posterior."""
    options: dict[str, Any] = {"n": 150, "seed": 2, "channel": "masking", "show": False}
    exact = hierarchy_track(exact_predictor(GRAMMAR, "masking"), GRAMMAR, [0.3, 0.7], **options)
    assert float(exact.total_variation.max()) == 0 and "score_error" not in exact
    assert float(exact.valid.min()) == 1 and float(exact.generated_valid.min()) == 1
    gap = np.abs(exact.reconstruction - exact.reconstruction_exact)
    assert bool((gap <= 5.5 * np.hypot(exact.reconstruction_stderr, exact.reconstruction_exact_stderr)).all())
    naive = hierarchy_track(naive_predictor, GRAMMAR, [0.7], **options)
    assert naive.effective_k.values.tolist() == [3]
    assert float(naive.total_variation[0]) > 0.1 and float(naive.generated_valid.sel(level=3)) < 0.3


def test_same_seed_same_bits_and_common_noise(exact):
    again = hierarchy_track(HierarchicalDenoiser(GRAMMAR), GRAMMAR, [0.6], **OPTIONS)
    for name in ("reconstruction", "reconstruction_exact", "filtered_variation", "valid"):
        np.testing.assert_array_equal(again[name][0], exact[name].sel(sigma=0.6))


def test_copies_of_the_training_strings_are_counted():
    small = Grammar.random(3, 1, 2, 2, seed=0)  # three strings
    every = small.parse(sample(small, 50)[0])[0]
    options: dict[str, Any] = {"n": 60, "n_steps": 40}
    all_known = hierarchy_track(HierarchicalDenoiser(small), small, [0.5], training=every, **options)
    assert float(all_known.generated_copied) == 1
    one_known = hierarchy_track(HierarchicalDenoiser(small), small, [0.5], training=every[:1], **options)
    assert 0.05 < float(one_known.generated_copied) < 0.8


def test_progress_joins_the_snapshots_in_order(tmp_path):
    snapshots = {20: HierarchicalDenoiser(GRAMMAR), 3: HierarchyNet((8, 6), width=8)}
    track = hierarchy_progress(snapshots, GRAMMAR, [0.5, 0.8], n=40, n_steps=20)
    assert track.step.values.tolist() == [3, 20] and track.total_variation.dims == ("step", "sigma")
    assert float(track.total_variation.sel(step=3).min()) > 0.05
    assert float(track.total_variation.sel(step=20).max()) == 0
    assert float(track.generated_valid.sel(step=3, level=1)) < 0.5 < float(track.generated_valid.sel(step=20, level=3))
    saved = _results.load(_results.save(track, tmp_path / "track.nc"))
    assert saved.attrs["channel"] == "gaussian" and saved.identical(_results.load(tmp_path / "track.nc"))
    for name in map(str, track.data_vars):
        if not name.endswith("_stderr") and name not in ("effective_k", "tied"):
            assert f"{name}_stderr" in track and track[name].attrs["long_name"]


@pytest.mark.parametrize(
    ("network", "error"),
    [
        (lambda x, sigma: x[..., :2], DenoiserContractError),
        (lambda x, sigma: x * torch.nan, DenoiserContractError),
    ],
)
def test_broken_networks(network, error):
    with pytest.raises(error, match="network"):
        hierarchy_track(network, GRAMMAR, [0.5], n=4, n_steps=2)


def test_bad_input():
    exact = HierarchicalDenoiser(GRAMMAR)
    with pytest.raises(ArgumentError, match="grammar"):
        hierarchy_track(exact, "grammar", [0.5])  # pyright: ignore[reportArgumentType]
    with pytest.raises(NoiseLevelError, match="noises"):
        hierarchy_track(exact, GRAMMAR, [0.0])
    with pytest.raises(NoiseLevelError, match="noises"):
        hierarchy_track(exact, GRAMMAR, [1.5], channel="masking")
    with pytest.raises(ArgumentError, match="channel"):
        hierarchy_track(exact, GRAMMAR, [0.5], channel="epsilon")
    with pytest.raises(ShapeError, match="training"):
        hierarchy_track(exact, GRAMMAR, [0.5], training=np.zeros((2, 7), int))
    with pytest.raises(EmptyDataError, match="snapshots"):
        hierarchy_progress({}, GRAMMAR, [0.5])
