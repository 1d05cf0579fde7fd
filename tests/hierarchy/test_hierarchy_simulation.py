"""Simulated grammars: sampling, forward-backward, mean field next to exact belief propagation, exact identities."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from idealscore.cli import main
from idealscore.errors import ArgumentError, NoiseLevelError, UnknownNameError
from idealscore.simulate.diffusion import sample as diffuse
from idealscore.simulate.diffusion import starting_noise
from idealscore.simulate.hierarchy import (
    PosteriorSampler,
    ReverseSampler,
    corrupt,
    exact_predictor,
    forward_backward,
    level_profile,
    sample,
    valid_fraction,
)
from idealscore.simulate.hierarchy._forward_backward import moments_by_level
from idealscore.simulate.hierarchy._level_profile import halfway
from idealscore.theory.belief_propagation import BeliefPropagation, HierarchicalDenoiser
from idealscore.theory.belief_propagation import channels as leaf_channels
from idealscore.theory.grammar import Grammar
from idealscore.theory.hierarchy import HierarchyTheory
from idealscore.theory.noise import DiscreteSchedule, NoiseLevel


def test_samples_are_derivations_and_keyed_by_index():
    grammar = Grammar.random(6, 3, 2, 3, n_classes=4)
    levels = sample(grammar, 20, seed=3)
    for drawn, parsed in zip(levels, grammar.parse(levels[0]), strict=True):
        np.testing.assert_array_equal(drawn, parsed)
    for drawn, alone in zip(levels, sample(grammar, 1, seed=3, first=7), strict=True):
        np.testing.assert_array_equal(drawn[7:8], alone)


def test_strings_are_uniform():
    # chi-square over the 24 strings, false positives 1e-6
    from scipy.stats import chi2

    grammar, n = Grammar.random(3, 2, 2, 2, seed=1), 12000
    _, counts = np.unique(sample(grammar, n)[0], axis=0, return_counts=True)
    assert counts.size == 24 and ((counts - n / 24) ** 2 / (n / 24)).sum() < chi2.isf(1e-6, 23)


def test_filtered_samples_keep_the_path_marginals_but_not_the_pairs():
    grammar, n = Grammar.random(4, 2, 2, 2, n_classes=1, seed=2), 8000
    plain, filtered = sample(grammar, n)[0], sample(grammar, n, filtered=2)[0]
    for leaf in range(4):  # difference of two proportions, z < 5.5 over 16 of them: rate 1e-6
        a, b = (np.bincount(x[:, leaf], minlength=4) / n for x in (plain, filtered))
        assert (abs(a - b) < 5.5 * np.sqrt((a * (1 - a) + b * (1 - b)) / n + 1e-12)).all()
    assert valid_fraction(grammar, plain)[-1] == 1 and valid_fraction(grammar, filtered)[-1] < 0.9


@pytest.mark.parametrize(
    ("name", "noise", "rate"), [("masking", 0.3, 0.3), ("uniform", 0.4, 0.3), ("epsilon", 0.7, 0.0)]
)
def test_corruption_rates(name, noise, rate):
    strings = sample(Grammar.random(4, 2, 2, 3), 500)[0]
    changed = (corrupt(strings, 4, name, noise) != strings).mean()
    assert abs(changed - rate) < 5 * math.sqrt(0.25 / strings.size) * (rate > 0) + 1e-12
    np.testing.assert_array_equal(corrupt(strings, 4, name, noise)[7:8], corrupt(strings[7:8], 4, name, noise, first=7))


def test_moments_equal_the_covariance_matrix():
    changed = np.random.default_rng(0).random((3, 40, 8)) < 0.3
    signs = np.where(changed, 1.0, -1.0)
    moments = moments_by_level(changed, 2)
    for one, row in zip(signs, moments, strict=True):
        covariance = np.cov(one.T)
        meets = np.array([[(i ^ j).bit_length() for j in range(8)] for i in range(8)])
        for k in range(4):
            assert row[k] == pytest.approx(covariance[meets <= k].sum())


def test_forward_backward_by_exact_sampling_and_by_reverse_diffusion():
    # two ways to draw from one posterior: z < 5 on 6 means, rate below 4e-6
    grammar = Grammar.random(4, 2, 2, 3, seed=1)
    for channel, noise, model in [
        ("masking", 0.5, exact_predictor(grammar, "masking")),
        ("uniform", 0.3, exact_predictor(grammar, "uniform")),
        ("gaussian", 0.8, HierarchicalDenoiser(grammar)),
    ]:
        reverse = ReverseSampler(model, channel, 4, n_steps=60)
        options: dict[str, Any] = {"n_data": 24, "n_trajectories": 8}
        a = forward_backward(grammar, channel, [noise], **options).isel(noise=0)
        b = forward_backward(grammar, channel, [noise], sampler=reverse, seed=9, **options).isel(noise=0)
        for level in (0, 3):
            error = math.hypot(a.changed_stderr[level], b.changed_stderr[level])
            assert abs(float(a.changed[level] - b.changed[level])) < 5 * error
        assert (a.valid == 1).all() and float(b.valid[-1]) > 0.9
        assert {"chi", "chi_stderr", "correlation", "correlation_stderr"} <= set(a)


def test_no_noise_changes_nothing():
    grammar = Grammar.random(4, 2, 2, 2)
    for channel in leaf_channels.CHANNELS:
        result = forward_backward(grammar, channel, [0.0], n_data=3, n_trajectories=3)
        assert (result.changed == 0).all() and float(result.chi[0]) == 1


def test_mean_field_follows_belief_propagation():
    theory, epsilons = HierarchyTheory(16, 4, 2), np.array([0.3, 0.6, 0.8, 0.95])
    result = level_profile(16, 4, 2, 6, "epsilon", epsilons, n_grammars=6, n_data=24)
    assert abs(result.upward[:, -1] - theory.class_belief(6, epsilons)).max() < 0.06
    assert abs(result.marginal[:, 0] - theory.profile(6, epsilons)[:, 0]).max() < 0.015


def test_nishimori_holds_for_noise_and_fails_for_the_epsilon_device():
    for channel, noise in [("masking", 0.3), ("uniform", 0.2), ("gaussian", 0.4)]:
        result = level_profile(6, 3, 2, 4, channel, [noise], n_grammars=24, n_data=24, seed=2)
        assert (abs(result.excess) < 4.9 * result.excess_stderr + 1e-12).all()
    device = level_profile(6, 3, 2, 4, "epsilon", [0.5], n_grammars=24, n_data=24, seed=2)
    assert (abs(device.excess) > 8 * device.excess_stderr).all()


@pytest.mark.slow
def test_information_is_the_integral_of_the_error():
    # dI/dgamma = mmse/2 with common random numbers, I = E[log p(x|x0) - log p(x)]
    grammar, n, gamma, h = Grammar.random(4, 2, 2, 3), 40_000, 2.0, 0.01
    denoiser = HierarchicalDenoiser(grammar)
    x0 = leaf_channels.one_hot(sample(grammar, n)[0], 4)
    noise = torch.from_numpy(corrupt(np.zeros((n, 8), int), 4, "gaussian", 1.0)) - leaf_channels.one_hot(
        np.zeros((1, 8), int), 4
    )

    def information(snr):
        sigma = snr**-0.5
        given = -(noise**2).sum((1, 2)) / 2 - 16 * math.log(2 * math.pi * sigma**2)
        return float((given - denoiser.log_density(x0 + sigma * noise, sigma)).mean())

    slope = (information(gamma + h) - information(gamma - h)) / (2 * h)
    sigma = gamma**-0.5
    mmse = float(((denoiser(x0 + sigma * noise, sigma) - x0) ** 2).sum((1, 2)).mean())
    assert slope == pytest.approx(mmse / 2, rel=0.01)
    assert information(1e4) == pytest.approx(grammar.entropy, rel=1e-6)


def test_the_correlation_of_a_latent_with_a_token_of_its_sibling():
    # chi-square distance of their exact joint law from independence: v m^-l (1 - m/v^(s-1)) with l = 2, on average
    # over rules; it is the signal behind HierarchyTheory.sample_complexity
    v, m, found = 32, 8, []
    for seed in range(8):
        grammar = Grammar.random(v, m, 2, 3, seed=seed)
        parent = np.bincount(grammar.rules[0][..., 0].ravel(), minlength=v) / (v * m)
        joint = np.zeros((v, v))
        for y in range(v):
            for left, right in grammar.rules[1][y]:
                joint[left] += parent[y] / m * np.bincount(grammar.rules[2][right, :, 0], minlength=v) / m
        independent = joint.sum(1, keepdims=True) * joint.sum(0)
        some = independent > 0
        found.append(((joint - independent)[some] ** 2 / independent[some]).sum())
    assert np.mean(found) == pytest.approx(v * m**-2 * (1 - m / v), rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "tolerance"), [((32, 8, 2, 7), (0.04, 0.01)), ((16, 4, 2, 9), (0.05, 0.01))], ids=str)
def test_mean_field_to_the_stated_tolerance(case, tolerance):
    v, m, s, depth = case
    epsilons, theory = np.linspace(0, 1, 21), HierarchyTheory(v, m, s)
    result = level_profile(v, m, s, depth, "epsilon", epsilons, n_grammars=16, n_data=64)
    assert abs(result.upward[:, -1] - theory.class_belief(depth, epsilons)).max() < tolerance[0]
    assert abs(result.marginal[:, 0] - theory.profile(depth, epsilons)[:, 0]).max() < tolerance[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channel", "grid", "depth", "expected", "tolerance"),
    [
        ("epsilon", np.linspace(0.68, 0.75, 15), 7, 0.716, 0.006),
        ("epsilon", np.linspace(0.69, 0.76, 15), 10, 0.725, 0.006),
        ("masking", np.linspace(0.22, 0.34, 13), 9, 0.278, 0.015),
    ],
)
def test_finite_depth_crossings(channel, grid, depth, expected, tolerance):
    result = level_profile(32, 8, 2, depth, channel, grid, n_grammars=12, n_data=24)
    assert halfway(grid, result.upward[:, -1].values, 32) == pytest.approx(expected, abs=tolerance)


@pytest.mark.slow
def test_gaussian_crossing():
    grid = np.linspace(0.90, 0.83, 15)
    sigmas = np.asarray(NoiseLevel.from_alpha_bar(grid).sigma)
    result = level_profile(32, 8, 2, 7, "gaussian", sigmas, n_grammars=16, n_data=32)
    level = NoiseLevel(halfway(sigmas, result.upward[:, -1].values, 32))
    assert level.alpha_bar == pytest.approx(0.867, abs=0.006) and level.snr == pytest.approx(6.5, abs=0.3)
    assert level.step(DiscreteSchedule.linear(1000, 1e-4, 0.02)) / 1000 == pytest.approx(0.115, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "tolerance"), [((16, 4, 2, 8), 0.004), ((8, 3, 2, 8), 0.012), ((8, 6, 3, 5), 0.004)], ids=str
)
def test_critical_epsilon_from_curves_of_two_depths(case, tolerance):
    v, m, s, depth = case
    star = HierarchyTheory(v, m, s).critical_epsilon
    assert star is not None
    grid = np.linspace(star - 0.05, star + 0.05, 11)
    result = level_profile(v, m, s, depth, "epsilon", grid, n_grammars=300, n_data=16)
    deep, shallow = (result.upward.sel(level=level).values for level in (depth - 1, depth - 3))
    found = float(np.interp(0, (shallow - deep), grid))
    assert found == pytest.approx(star, abs=tolerance)


@pytest.mark.slow
def test_susceptibility_of_simulated_trees():
    results = []
    for seed in range(20):
        grammar = Grammar.random(32, 8, 2, 9, seed=seed)
        results.append(forward_backward(grammar, "epsilon", [0.7312, 0.8], n_data=8, n_trajectories=64, seed=seed))
    chi = np.mean([float(result.chi[0]) for result in results])
    changed = np.mean([float(result.changed[1, 0]) for result in results])
    assert chi == pytest.approx(7.8, abs=0.8) and changed == pytest.approx(0.558, abs=0.01)


@pytest.mark.slow
def test_reverse_diffusion_with_the_exact_denoiser_gives_valid_strings():
    grammar = Grammar.random(8, 3, 2, 4)
    denoiser = HierarchicalDenoiser(grammar)
    grid = DiscreteSchedule.linear(200, 1e-3, 0.1).sigmas[::-1]
    x = starting_noise(1000, (16, 8), float(grid[0]))
    x = x + leaf_channels.one_hot(sample(grammar, 1000, seed=5)[0], 8)
    strings = diffuse(denoiser, x, grid, "ddpm", show=False).argmax(-1).numpy()
    assert valid_fraction(grammar, strings)[-1] >= 0.999


@pytest.mark.slow
def test_reverse_diffusion_keeps_the_class_as_often_as_the_posterior():
    schedule, kept, exact = DiscreteSchedule.linear(200, 1e-3, 0.1), [], []
    step = round(0.15 * schedule.n)
    sigma = float(schedule.sigmas[step])
    for seed in range(12):
        grammar = Grammar.random(8, 3, 2, 4, seed=seed)
        reverse = ReverseSampler(
            HierarchicalDenoiser(grammar), "gaussian", 8, sigmas=lambda _: schedule.sigmas[step::-1]
        )
        for values, sampler in ((kept, reverse), (exact, None)):
            result = forward_backward(
                grammar, "gaussian", [sigma], n_data=40, n_trajectories=6, sampler=sampler, seed=seed
            )
            values.append(1 - float(result.changed[0, -1]))
    assert np.mean(kept) == pytest.approx(np.mean(exact), abs=0.04)
    assert np.mean(kept) == pytest.approx(0.513, abs=0.08)


@pytest.mark.slow
def test_command_with_density_evolution(capsys):
    assert main(["transitions", "hierarchy", "--v", "6", "--m", "2", "--depth", "2", "--error", "0.2", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert [t["unit"] for t in table["transitions"]] == ["epsilon", "mask fraction", "replaced fraction", "SNR"]
    assert all(t["stderr"] > 0 for t in table["transitions"][1:]) and "DDPM step" in table["transitions"][3]["clocks"]
    assert table["crossings"]["2"] == HierarchyTheory(6, 2, 2).crossing(2)


def test_samplers_say_in_one_line_what_they_are():
    reverse = ReverseSampler(exact_predictor(GRAMMAR, "uniform"), "uniform", 4, n_steps=7)
    assert repr(reverse) == "ReverseSampler(uniform, v=4, 7 steps)"
    assert repr(PosteriorSampler(GRAMMAR, "masking")) == f"PosteriorSampler(masking, {GRAMMAR!r})"


def test_command(capsys):
    assert main(["transitions", "hierarchy", "--m", "17"]) == 0
    assert "none here: m = 17 lies outside (1.939, 16.5)" in capsys.readouterr().out
    assert main(["transitions", "hierarchy", "--m", "40"]) == 2
    assert capsys.readouterr().err == "idealscore: m: is 40; pass m <= v^(s-1) = 32\n"
    assert main(["transitions", "hierarchy-levels", "--depth", "3", "--epsilon", "0.5"]) == 0
    assert "chi = " in capsys.readouterr().out


GRAMMAR = Grammar.random(4, 2, 2, 2)
NO_CALLABLE: Any = 3


@pytest.mark.parametrize(
    ("call", "error", "argument"),
    [
        (lambda: sample(GRAMMAR, 0), ArgumentError, "n"),
        (lambda: sample(GRAMMAR, 2, filtered=3), ArgumentError, "filtered"),
        (lambda: corrupt(np.zeros((1, 4), int), 4, "mask", 0.5), UnknownNameError, "channel"),
        (lambda: corrupt(np.zeros((1, 4), int), 4, "masking", 1.5), NoiseLevelError, "noise"),
        (lambda: forward_backward(GRAMMAR, "masking", [0.5], n_data=1), ArgumentError, "n_data"),
        (lambda: forward_backward(GRAMMAR, "masking", [0.5], sampler=NO_CALLABLE), ArgumentError, "sampler"),
        (lambda: ReverseSampler(NO_CALLABLE, "epsilon", 4), ArgumentError, "channel"),
        (lambda: halfway(np.array([0.0, 1.0]), np.array([1.0, 1.0]), 4), ArgumentError, "noise"),
        (lambda: BeliefPropagation(GRAMMAR).upward_beliefs(torch.ones(1, 3, 4)), ArgumentError, "likelihood"),
    ],
)
def test_bad_input(call, error, argument):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.argument == argument
