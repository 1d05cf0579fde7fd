"""What explains the network: shares, the best convex combination, and the sentence that is made of them."""

import itertools

import numpy as np
import pytest
import torch
import xarray as xr

from idealscore.compare import Comparison, compare, track
from idealscore.compare.comparison import explanation
from idealscore.compare.comparison._combination import explained_by_all, simplex_weights
from idealscore.compare.comparison._explanation import shares
from idealscore.compare.comparison._page import headline
from idealscore.compare.comparison._table import rows, table
from idealscore.compare.comparison._track import featureless
from idealscore.errors import DenoiserContractError
from idealscore.learned import data
from idealscore.simulate import noised
from idealscore.theory import GaussianDenoiser, MixtureDenoiser

MIXTURE = MixtureDenoiser([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.5]], [0.1, 0.2])
DATA = MIXTURE.sample(200, seed=0)
GAUSSIAN = GaussianDenoiser.fit(DATA)


def test_the_weights_are_the_best_on_the_simplex():
    rng = np.random.default_rng(0)
    grid = np.array([w for w in itertools.product(np.linspace(0, 1, 41), repeat=3) if abs(sum(w) - 1) < 1e-9])
    for _ in range(20):
        half = rng.standard_normal((3, 4))
        gram = 1e6 * half @ half.T
        found = simplex_weights(gram)
        assert found.min() >= 0
        assert found.sum() == pytest.approx(1)
        assert found @ gram @ found <= np.einsum("wk,kl,wl->w", grid, gram, grid).min() * (1 + 1e-9)
    assert simplex_weights(np.diag([0.0, 1.0])) == pytest.approx([1, 0], abs=1e-6)
    assert simplex_weights(np.zeros((2, 2))) == pytest.approx([0.5, 0.5])


def test_a_blend_of_two_theories_is_found_and_explains_what_neither_does():
    def blend(x, sigma):
        return 0.3 * MIXTURE(x, sigma) + 0.7 * GAUSSIAN(x, sigma)

    found = track(blend, {"gaussian": GAUSSIAN, "mixture": MIXTURE, "nothing": lambda x, sigma: x}, DATA, [0.3, 0.6])
    assert found.combination_weight.values == pytest.approx(np.array([[0.7, 0.3, 0.0]] * 2), abs=1e-6)
    assert found.combination_explained.values == pytest.approx([1, 1])
    assert bool((found.combination_gain > 5 * found.combination_gain_stderr).all())
    gain = found.combination_explained - found.best_explained
    assert found.combination_gain.values == pytest.approx(gain.values)


def test_a_combination_is_measured_on_the_points_that_it_was_not_fitted_on():
    # the theory is right on one half of the points and wrong on the other: fitted and measured on the same half, the
    # combination would explain everything
    right, wrong = np.zeros(6), np.full(6, 4.0)
    gram = np.zeros((2, 2, 6))
    gram[0, 0], gram[1, 1] = np.where(np.arange(6) % 2, wrong, right), np.where(np.arange(6) % 2, right, wrong)
    found = explained_by_all(gram, np.ones(6))
    assert float(found.combination_explained) == pytest.approx(-3)
    assert float(found.best_explained) == pytest.approx(-3)
    assert found.combination_weight.values == pytest.approx([0.5, 0.5])


def test_the_null_knows_mean_and_variance_alone():
    x0 = DATA[:50]
    found = track(MIXTURE, {"gaussian": GAUSSIAN}, x0, [0.5]).isel(sigma=0)
    mean, variance = x0.mean(0), x0.var(0, correction=0).mean()
    x = noised(x0, 0.5, 0)
    null = mean + variance / (variance + 0.25) * (x - mean)
    ours = MIXTURE(x, 0.5)
    share = 1 - (ours - null).square().sum() / (ours - x).square().sum()
    assert float(found.null_explained) == pytest.approx(float(share))
    same = track(featureless(x0), {"null": featureless(x0), "mixture": MIXTURE}, x0, [0.5])
    assert not same.beats_null.any()


def test_no_theory_is_named_that_explains_nothing():
    opposite = track(lambda x, sigma: 2 * x - MIXTURE(x, sigma), {"mixture": MIXTURE}, DATA, [0.5], hand_over=False)
    opposite = opposite.isel(theory=0, sigma=0)
    assert opposite.closest.item() == "none"
    assert not opposite.tied.any()
    assert float(opposite.cosine) < 0
    far = track(MIXTURE, {"far": lambda x, sigma: x + 3 * (MIXTURE(x, sigma) - x)}, DATA, [0.5])
    far = far.isel(theory=0, sigma=0)
    assert float(far.explained_variance) < 0 < float(far.cosine)
    assert far.closest.item() == "none"


def test_a_theory_with_nan_at_one_level_is_marked_and_the_others_go_on():
    def broken(x, sigma):
        return GAUSSIAN(x, sigma) * (torch.nan if sigma == 0.5 else 1.0)

    theories = {"broken": broken, "mixture": MIXTURE}
    found = track(GAUSSIAN, theories, DATA, [0.2, 0.5])
    assert found.failed.sel(theory="broken").values.tolist() == [False, True]
    assert found.closest.values.tolist() == ["broken", "mixture"]
    assert np.isnan(found.cosine.sel(theory="broken", sigma=0.5))
    assert found.combination_weight.sel(sigma=0.5).values == pytest.approx([0, 1])
    alone = track(GAUSSIAN, {"mixture": MIXTURE}, DATA, [0.2, 0.5])
    for name in ("score_error", "explained_variance", "rmse"):
        assert found[name].sel(theory="mixture").values == pytest.approx(alone[name].sel(theory="mixture").values)
    everywhere = track(GAUSSIAN, {"broken": broken}, DATA, [0.5])
    assert everywhere.closest.item() == "none"
    with pytest.raises(DenoiserContractError, match="theory flat: returned shape"):
        track(GAUSSIAN, {"flat": lambda x, sigma: x[:, :1]}, DATA, [0.5])


SIGMAS = [0.1, 0.2, 0.5, 1.0, 2.0]


def result_of(explained, null=0.1, sizes=(1, 3, 5, 7, 7), gain=0.0, cosine=None, outside=None):
    """A comparison with given shares of "gaussian" and "local" at five levels."""
    explained = np.array(explained, dtype=float)
    cosine = np.array(explained if cosine is None else cosine, dtype=float)
    best = explained.argmax(1)
    top = explained.max(1)
    none = (top <= 0) | (cosine[range(5), best] < 0)
    names = np.array(["gaussian", "local"])
    over = ("split", "sigma")
    tied = (explained == top[:, None]) & ~none[:, None]
    return xr.Dataset(
        {
            "explained_variance": ((*over, "theory"), explained[None]),
            "explained_variance_stderr": ((*over, "theory"), explained[None] * 0 + 0.001),
            "tied": ((*over, "theory"), tied[None]),
            "failed": ((*over, "theory"), np.isnan(explained)[None]),
            "beats_null": ((*over, "theory"), explained[None] > null),
            "closest": (over, np.where(none, "none", names[best])[None]),
            "null_explained": (over, np.full((1, 5), null)),
            "best_explained": (over, top[None]),
            "combination_explained": (over, top[None] + gain),
            "combination_gain": (over, np.full((1, 5), gain)),
            "combination_gain_stderr": (over, np.full((1, 5), 0.001)),
            "combination_weight": ((*over, "theory"), np.full((1, 5, 2), 0.5)),
            "patch_size": ("sigma", list(sizes)),
            "outside": ("sigma", [False] * 5 if outside is None else outside),
        },
        coords={"split": ["held-out"], "sigma": SIGMAS, "theory": names},
    )


def test_the_sentence_says_which_theory_is_followed_where_and_how_far():
    shares = [[0.3, 0.6], [0.5, 0.92], [0.6, 0.95], [0.7, 0.98], [0.97, 0.9]]
    assert explanation(result_of(shares)) == (
        "At sigma = 0.1 the network is nearest to the local optimum of 1 pixel, which explains only 60 % of its score;"
        " from sigma = 0.2 to 1 it follows the local optimum of 3 to 7 pixels, which explains 92 to 98 % of its score;"
        " at sigma = 2 it follows the Gaussian optimum, which explains 97 % of its score."
        " No convex combination of the theories explains more than the best of them."
    )


def test_the_sentence_says_the_opposite_when_the_numbers_do():
    shares = [[0.3, 0.6], [0.5, 0.92], [0.6, 0.95], [0.7, 0.98], [0.97, 0.9]]
    swapped = explanation(result_of([pair[::-1] for pair in shares]))
    assert "from sigma = 0.2 to 1 it follows the Gaussian optimum, which explains 92 to 98 %" in swapped
    assert "at sigma = 2 it follows the local optimum of 7 pixels, which explains 97 %" in swapped
    nothing = explanation(result_of(-np.array(shares)))
    assert nothing.startswith("From sigma = 0.1 to 2 no theory explains any of the network's score.")
    assert "follows" not in nothing and "nearest" not in nothing
    against = explanation(result_of(shares, cosine=-np.array(shares)))
    assert against.startswith("From sigma = 0.1 to 2 no theory explains any of the network's score.")
    weak = explanation(result_of(np.array(shares) / 3))
    assert (
        "no theory explains half of the network's score: the best, the local optimum of 1 to 7 pixels, 20 to 3" in weak
    )


def test_the_sentence_tells_a_combination_that_adds_something_from_one_that_does_not():
    shares = [[0.3, 0.6]] * 5
    assert "explains more, most at sigma = 0.1: 65 % instead of 60 % (0.50 local + 0.50 gaussian)." in explanation(
        result_of(shares, gain=0.05)
    )
    assert "No convex combination" in explanation(result_of(shares, gain=-0.05))
    assert "No convex combination" in explanation(result_of(shares, gain=0.001))


def test_the_sentence_names_agreement_the_null_and_what_was_not_trained():
    alike = explanation(result_of([[0.995, 0.999]] * 5))
    assert "follows all theories, which agree there to 1 % and explain 99.9 % of its score" in alike
    assert "as does a Gaussian" not in alike
    assert "as does a Gaussian that knows only mean and variance" in explanation(
        result_of([[0.9, 0.99]] * 5, null=0.99)
    )
    inside = explanation(result_of([[0.3, 0.95]] * 5, outside=[True, True, False, False, True]))
    assert inside.startswith("From sigma = 0.5 to 1 the network follows the local optimum of 5 to 7 pixels")
    nowhere = explanation(result_of([[0.3, 0.95]] * 5, outside=[True] * 5))
    assert nowhere.startswith("No noise level lies in the range")


def test_table_page_and_sentence_agree_on_a_network_that_no_theory_explains():
    digits = data.load("digits").subset(200)
    training, held_out = digits.split(60)
    gaussian = GaussianDenoiser.fit(training.images)
    config = Comparison(levels=3, n_images=20, n_noise=1, theories=("gaussian",))
    result = compare(lambda x, sigma: 2 * x - gaussian(x, sigma), training, held_out, config, show=False)
    assert [row["closest theory"] for row in rows(result)] == ["none"] * 3
    assert [row["score gap"] for row in rows(result)] == ["-"] * 3
    assert "no theory explains any of the network's score" in table(result)
    assert "closest, by noise level sigma, to: none" in headline(result)
    assert list(shares(result)[0]) == ["sigma", "gaussian", "best", "combination", "of", "null"]
