import numpy as np
import pytest
import torch

from idealscore.compare import track
from idealscore.errors import DenoiserContractError, EmptyDataError, NoiseLevelError, NotFiniteError
from idealscore.simulate import noised
from idealscore.theory import EmpiricalDenoiser, GaussianDenoiser, MixtureDenoiser, score

MIXTURE = MixtureDenoiser([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.5]], [0.1, 0.2])
DATA = MIXTURE.sample(200, seed=0)
GAUSSIAN = GaussianDenoiser.fit(DATA)
THEORIES = {"gaussian": GAUSSIAN, "mixture": MIXTURE}
SIGMAS = [0.1, 0.5, 2.0]


def test_the_metrics_are_their_definitions():
    result = track(MIXTURE, {"gaussian": GAUSSIAN}, DATA, SIGMAS, seed=3)
    for sigma in SIGMAS:
        x = noised(DATA, sigma, 3)
        ours, theirs = MIXTURE(x, sigma), GAUSSIAN(x, sigma)
        a, b = score(MIXTURE, x, sigma), score(GAUSSIAN, x, sigma)
        got = result.sel(sigma=sigma, theory="gaussian")
        gap = (ours - theirs).square().sum(1)
        assert float(got.score_error) == pytest.approx(float(gap.mean() / (theirs - x).square().sum(1).mean()))
        assert float(got.cosine) == pytest.approx(float(torch.cosine_similarity(a, b).mean()))
        assert float(got.explained_variance) == pytest.approx(
            float(1 - (a - b).square().sum(1).mean() / a.square().sum(1).mean())
        )
        assert float(got.rmse) == pytest.approx(float((gap / 2).sqrt().mean()))
        assert float(got.denoising_error) == pytest.approx(float((theirs - DATA).square().mean()))
        assert float(got.network_denoising_error) == pytest.approx(float((ours - DATA).square().mean()))


def test_a_theory_is_closest_to_itself_and_not_tied_with_another():
    result = track(MIXTURE, THEORIES, DATA, SIGMAS)
    assert result.closest.values.tolist() == ["mixture"] * 3
    assert float(result.score_error.sel(theory="mixture").max()) == 0.0
    assert result.tied.sel(theory="mixture").all() and not result.tied.sel(theory="gaussian", sigma=0.5)
    shown = track(MIXTURE, {"one": GAUSSIAN, "two": GAUSSIAN}, DATA, [1.0])
    assert shown.tied.all()


def test_standard_errors_are_those_of_independent_repetitions():
    single, repeats = [], []
    for seed in range(60):
        data = MIXTURE.sample(100, seed=100 + seed)
        one = track(MIXTURE, {"gaussian": GAUSSIAN}, data, [0.5], seed=seed, hand_over=False).isel(theory=0, sigma=0)
        repeats.append([float(one.score_error), float(one.cosine), float(one.rmse), float(one.explained_variance)])
        single.append([float(one[f"{m}_stderr"]) for m in ("score_error", "cosine", "rmse", "explained_variance")])
    ratio = np.std(repeats, axis=0, ddof=1) / np.mean(single, axis=0)
    # the sd of 60 repetitions has relative error 1/sqrt(118): five of them, false positive rate 1e-6
    assert np.abs(np.log(ratio)).max() < 5 / 118**0.5


def test_nothing_depends_on_batches_levels_or_global_state():
    whole = track(MIXTURE, THEORIES, DATA, SIGMAS, seed=1)
    parts = track(MIXTURE, THEORIES, DATA, SIGMAS, seed=1, batch_size=7)
    lone = track(MIXTURE, THEORIES, DATA, [0.5], seed=1)
    for metric in ("score_error", "cosine", "rmse"):
        assert np.allclose(whole[metric], parts[metric], atol=1e-13)
        assert np.allclose(whole[metric].sel(sigma=0.5), lone[metric].sel(sigma=0.5), atol=1e-15)


def test_more_noise_draws_shrink_the_error_but_not_below_the_points():
    few = track(MIXTURE, {"gaussian": GAUSSIAN}, DATA, [0.5], n_noise=1).isel(theory=0, sigma=0)
    many = track(MIXTURE, {"gaussian": GAUSSIAN}, DATA, [0.5], n_noise=16).isel(theory=0, sigma=0)
    assert float(many.rmse_stderr) < float(few.rmse_stderr)


def test_a_memorising_network_is_recognised_on_training_images():
    training = MIXTURE.sample(30, seed=8)
    memory = EmpiricalDenoiser(training)
    theories = {"empirical": memory, "mixture": MIXTURE}
    assert track(memory, theories, DATA, [0.1, 0.3], hand_over=False).closest.values.tolist() == ["empirical"] * 2
    assert track(MIXTURE, theories, DATA, [0.1, 0.3]).closest.values.tolist() == ["mixture"] * 2


def test_the_result_survives_a_file(tmp_path):
    from idealscore._support import results as _results

    result = track(MIXTURE, THEORIES, DATA, SIGMAS)
    loaded = _results.load(_results.save(result, tmp_path / "track.nc"))
    assert loaded.equals(result)
    assert loaded.attrs["convention"].startswith("x = x0") and loaded.attrs["seed"] == "0"


@pytest.mark.parametrize(
    ("error", "make"),
    [
        (EmptyDataError, lambda: track(MIXTURE, {}, DATA, SIGMAS)),
        (EmptyDataError, lambda: track(MIXTURE, THEORIES, DATA[:1], SIGMAS)),
        (NoiseLevelError, lambda: track(MIXTURE, THEORIES, DATA, [0.0])),
        (NoiseLevelError, lambda: track(MIXTURE, THEORIES, DATA, [float("nan")])),
        (NotFiniteError, lambda: track(MIXTURE, THEORIES, DATA * torch.inf, SIGMAS)),
        (DenoiserContractError, lambda: track(lambda x, sigma: x[:, :1], THEORIES, DATA, SIGMAS)),
        (DenoiserContractError, lambda: track(lambda x, sigma: x * torch.nan, THEORIES, DATA, SIGMAS, hand_over=False)),
    ],
)
def test_bad_input_is_refused(error, make):
    with pytest.raises(error):
        make()
