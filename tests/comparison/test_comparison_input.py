"""Comparisons on odd input: several models, foreign shapes, duplicates, levels outside of training, flat data."""

import json

import numpy as np
import pytest
import torch

from idealscore.cli import main
from idealscore.compare import (
    Comparison,
    compare,
    compare_models,
    distill_linear,
    linearity,
    memorisation,
    one_model,
    optima,
    pairwise_reproducibility,
    report,
    reproducibility,
)
from idealscore.compare.comparison import noise_range, table, trained_range
from idealscore.compare.comparison._table import rows
from idealscore.errors import CovarianceError, EmptyDataError, ShapeError
from idealscore.learned import checkpoint
from idealscore.learned.data import ImageData, load
from idealscore.learned.networks import MLPDenoiser
from idealscore.learned.training import LogNormal, LogUniform, TrainConfig, train
from idealscore.theory import EmpiricalDenoiser, GaussianDenoiser

CONFIG = Comparison(levels=3, n_images=12, n_noise=1, n_samples=8, theories=("empirical", "gaussian"))


@pytest.fixture(scope="module")
def split():
    return load("digits").subset(150).split(30)


def _network(shape, seed=0):
    return MLPDenoiser(shape, width=8, depth=1, seed=seed, sigma_data=0.75)


def test_several_models_and_the_optima_are_held_against_each_other(split, tmp_path):
    training, held_out = split
    memory, smooth = (optima(training, (name,))[name] for name in ("empirical", "gaussian"))
    result = compare_models({"memory": memory, "smooth": smooth}, training, held_out, CONFIG, notes={"smooth": "D_G"})
    pair = result.sel(sampler="memory")
    assert (
        float(pair.pair_rp.sel(other_sampler="empirical"))
        == 1
        == float(pair.pair_cosine.sel(other_sampler="empirical"))
    )
    assert float(pair.pair_rmse.sel(other_sampler="gaussian")) > 0.1
    assert float(result.pair_rp.sel(sampler="smooth", other_sampler="gaussian")) == 1
    lone = compare(smooth, training, held_out, CONFIG, note="D_G")
    ours = one_model(result, "smooth")
    for name in ("score_error", "cosine", "denoising_error", "network_denoising_error", "transition_sigma"):
        np.testing.assert_allclose(ours[name].transpose(*lone[name].dims), lone[name])
    assert ours.closest.sel(split="held-out").values.tolist() == ["gaussian"] * 3 and "D_G" in table(ours)
    text = report(result, tmp_path)
    assert text.count("score gap:") == 2 and "MAE score" in text
    assert {"compare.nc", "compare-1.png", "compare-2.png", "report.html"} == {p.name for p in tmp_path.iterdir()}
    page = (tmp_path / "report.html").read_text()
    assert page.count("<table>") == 5 and page.count('alt="Score errors') == 2


def test_models_that_do_not_fit_are_refused(split):
    training, held_out = split
    right, wrong = _network(training.shape), _network((1, 4, 4))
    with pytest.raises(ShapeError, match="'b' denoises"):
        compare_models({"a": right, "b": wrong}, training, held_out, CONFIG)
    with pytest.raises(EmptyDataError, match="networks"):
        compare_models({"a": right}, training, held_out, CONFIG)
    with pytest.raises(ShapeError):
        reproducibility({"a": right, "b": wrong}, training.shape, n=2)
    with pytest.raises(ShapeError, match="one event shape"):
        pairwise_reproducibility({"a": torch.zeros(2, 1, 8, 8), "b": torch.zeros(2, 1, 4, 4)})


def test_levels_outside_of_training_are_marked(split, tmp_path):
    training, held_out = split
    config = TrainConfig(steps=2, batch=4, noise=LogUniform(0.05, 5.0))
    train(_network(training.shape), training, config, tmp_path / "run")
    network = checkpoint.load(tmp_path / "run")
    found = trained_range(network)
    assert found is not None
    low, high = found
    assert 0.05 <= low < 0.051 and 4.95 < high <= 5.0
    wide = Comparison(levels=4, sigma_min=0.01, sigma_max=10.0, n_images=6, n_noise=1, theories=("gaussian",))
    result = compare(network, training, held_out, wide)
    assert result.outside.values.tolist() == [True, False, False, True]
    assert [row["trained"] for row in rows(result)] == ["outside", "yes", "yes", "outside"]
    assert "extrapolates" in table(result)
    unmarked = compare(network, training, held_out, wide, trained_on=(0.001, 100.0))
    assert not unmarked.outside.any() and "trained" not in rows(unmarked)[0]
    assert trained_range(_network(training.shape)) is None and trained_range(lambda x, sigma: x) is None
    assert noise_range(LogNormal(0.0, 1.0))[1] == pytest.approx(np.exp(3.0902), rel=1e-4)


def test_held_out_images_in_the_training_set_are_counted(split):
    training, held_out = split
    mixed = ImageData(
        torch.cat([held_out.images, training.images[:5]]), torch.cat([held_out.labels, training.labels[:5]])
    )
    with pytest.warns(UserWarning, match="5 of the held-out images"):
        result = compare(optima(training, ("gaussian",))["gaussian"], training, mixed, CONFIG)
    assert result.attrs["held_out_in_training"] == 5 and "5 of the held-out images" in table(result)


def test_fewer_than_two_images_and_equal_images_are_refused(split):
    training, held_out = split
    network = _network(training.shape)
    one = training.take([0], "one")
    with pytest.raises(EmptyDataError, match="training: expected at least 2 images, got 1"):
        compare(network, one, held_out, CONFIG)
    with pytest.raises(EmptyDataError, match="held_out: expected at least 2 images, got 1"):
        compare(network, training, one, CONFIG)
    for measure in (linearity, lambda d, x, s: distill_linear(d, x, s, n_noise=200)):
        with pytest.raises(EmptyDataError, match=r"data|training"):
            measure(network, one.images, [1.0])
    with pytest.raises(EmptyDataError, match="training"):
        memorisation(held_out.images, one.images)
    equal = ImageData(training.images[:1].repeat(9, 1, 1, 1), training.labels[:1].repeat(9))
    with pytest.raises(CovarianceError, match="9 equal images"):
        compare(network, equal, held_out, CONFIG)
    with pytest.raises(EmptyDataError, match="training"):
        memorisation(held_out.images, equal.images)


def test_a_covariance_of_rank_zero_and_a_single_datum_are_exact(split):
    image = split[0].images[:1].double()
    x = split[1].images[:3].double()
    for data in (image, image.repeat(4, 1, 1, 1)):
        for optimum in (GaussianDenoiser.fit(data), EmpiricalDenoiser(data)):
            for sigma in (0.0, 1e-3, 1.0, 1e6):
                assert torch.allclose(optimum(x, sigma), image.expand_as(x), atol=1e-12)
    with pytest.raises(CovarianceError, match="training: holds 4 equal points"):
        distill_linear(GaussianDenoiser.fit(image), image.repeat(4, 1, 1, 1), [1.0], n_noise=64)


def test_constant_pixels_do_no_harm(split):
    training, held_out = split
    assert int((training.images.std(0) == 0).sum()) >= 3
    flat = [ImageData(part.images.clone(), part.labels) for part in (training, held_out)]
    for part in flat:
        part.images[:, :, :5] = -1.0
    result = compare(_network(training.shape), flat[0], flat[1], CONFIG)
    assert bool(np.isfinite(result.score_error).all()) and bool(np.isfinite(result.transition_sigma).all())


@pytest.mark.slow
def test_the_command_takes_several_models(capsys, tmp_path, split):
    digits = load("digits")
    for seed in (0, 1):
        checkpoint.save(_network(digits.shape, seed), tmp_path / f"net{seed}.safetensors")
    arguments = ["compare", "digits", "--levels", "2", "--n-images", "6", "--n-noise", "1", "--n-samples", "4"]
    arguments += ["--theories", "gaussian", "--out", str(tmp_path / "out"), "--json"]
    for seed in (0, 1):
        arguments += ["--model", str(tmp_path / f"net{seed}.safetensors")]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["models"]) == ["net0", "net1"]
    assert [(row["model"], row["other"]) for row in found["agreement"]] == [
        ("net0", "net1"), ("net0", "gaussian"), ("net1", "gaussian"),
    ]  # fmt: skip
    checkpoint.save(_network((1, 4, 4)), tmp_path / "foreign.safetensors")
    assert main([*arguments, "--model", str(tmp_path / "foreign.safetensors")]) == 2
    assert "model: denoises (1, 4, 4)" in capsys.readouterr().err
