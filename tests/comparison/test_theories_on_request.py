"""More theories than the usual four: masked, clusters, and callables of a user."""

import sys

import numpy as np
import pytest
import torch

from idealscore.cli import main
from idealscore.compare import Comparison, compare, optima
from idealscore.compare.comparison._clusters import clusters_mixture
from idealscore.compare.comparison._table import rows
from idealscore.errors import ArgumentError, UnknownNameError
from idealscore.learned import data
from idealscore.theory import FiniteSampleDenoiser, GaussianDenoiser, MaskedDenoiser, MixtureDenoiser

MODULE = """
import torch
def shrunk(x, sigma):
    return x / (1 + sigma**2)
def nan_below_one(x, sigma):
    return x / (1 + sigma**2) if sigma > 1 else x * float("nan")
def of_images(images):
    mean = images.mean(0)
    return lambda x, sigma: mean.expand_as(x)
nothing = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_theory_of_tests.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield "my_theory_of_tests"
    sys.modules.pop("my_theory_of_tests", None)


@pytest.fixture(scope="module")
def split():
    return data.load("digits").subset(200).split(60)


def test_masked_and_clusters_are_made_of_the_training_set(split):
    training, _ = split
    made = optima(training, ("masked", "clusters"))
    assert isinstance(made["masked"], MaskedDenoiser)
    assert isinstance(made["clusters"], MixtureDenoiser)


def test_the_finite_sample_optimum_knows_all_images_and_the_size_of_the_training_set(split):
    training, held_out = split
    with pytest.raises(ArgumentError, match="pass others="):
        optima(training, ("finite-sample",))
    theory = optima(training, ("finite-sample",), others=held_out.images)["finite-sample"]
    everything = torch.cat([training.images, held_out.images])
    assert isinstance(theory, FiniteSampleDenoiser) and theory.n == len(training)
    expected = FiniteSampleDenoiser.fit(everything, len(training)).reference(held_out.images[:2], 0.3)
    assert torch.allclose(theory(held_out.images[:2], 0.3).double(), expected, atol=1e-5)
    config = Comparison(levels=2, n_images=8, n_noise=1, theories=("gaussian", "finite-sample"))
    result = compare(theory, training, held_out, config, show=False)
    assert result.closest.values.tolist() == [["finite-sample"] * 2] * 2
    few = training.subset(20)  # of few images the Gaussian optimum itself is far from the mean over training sets
    told = optima(few, ("gaussian", "finite-sample"), others=held_out.images)
    gap = (told["gaussian"](held_out.images, 0.3) - told["finite-sample"](held_out.images, 0.3)).square().mean()
    assert gap > 1e-3


def test_the_number_of_clusters_is_that_of_the_data():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(16, 3)) * 8
    blobs = torch.tensor(centres[rng.integers(16, size=800)] + 0.2 * rng.normal(size=(800, 3)))
    assert len(clusters_mixture(blobs, n_classes=2).means) in (16, 32)  # k-means may join two blobs
    one = torch.tensor(rng.normal(size=(800, 3)))
    assert len(clusters_mixture(one, n_classes=1).means) <= 2


def test_a_callable_of_the_user_is_a_theory(module, split):
    training, held_out = split
    config = Comparison(
        levels=3, n_images=8, n_noise=1,
        theories=("gaussian", f"mine={module}:shrunk", f"mean={module}:of_images()"),
    )  # fmt: skip
    before = list(sys.path)
    result = compare(GaussianDenoiser.fit(training.images), training, held_out, config, show=False)
    assert sys.path == before
    assert result.theory.values.tolist() == ["gaussian", "mine", "mean"]
    mean = optima(training, (f"mean={module}:of_images()",))["mean"]
    assert torch.allclose(mean(held_out.images[:2], 1.0)[0], training.images.mean(0))


def test_a_callable_that_gives_nan_at_some_levels_is_marked_there(module, split):
    training, held_out = split
    config = Comparison(levels=3, n_images=8, n_noise=1, theories=("gaussian", f"mine={module}:nan_below_one"))
    with pytest.warns(UserWarning, match=r"'mine' gave NaN or inf at sigma = 0.05, 1: its numbers are missing there"):
        result = compare(GaussianDenoiser.fit(training.images), training, held_out, config, show=False)
    assert [row["to mine"] == "not finite" for row in rows(result)] == [False, True, True]
    assert result.closest.sel(split="held-out").values.tolist() == ["gaussian"] * 3


@pytest.mark.parametrize(
    ("theory", "error", "words"),
    [
        ("gausian", UnknownNameError, "did you mean 'gaussian'"),
        ("mine=module", ArgumentError, "write name=package.module:function"),
        ("gaussian=my_theory_of_tests:shrunk", ArgumentError, "pass another name"),
        ("mine=no_such_module_here:f", ArgumentError, "cannot be imported"),
        ("mine=my_theory_of_tests:absent", ArgumentError, "cannot be imported"),
        ("mine=my_theory_of_tests:nothing", ArgumentError, "is a int; name a function"),
    ],
)
def test_what_is_no_theory_is_refused_before_any_work(theory, error, words, module, split):
    def untouched(x, sigma):
        raise AssertionError("the network was asked")

    with pytest.raises(error, match=words):
        compare(untouched, split[0], split[1], Comparison(theories=(theory,)))
    with pytest.raises(ArgumentError, match="twice"):
        Comparison(theories=("gaussian", "gaussian"))


def test_the_command_refuses_what_is_no_theory(capsys, module):
    assert main(["compare", "digits", "--theories", "mine=no_such_module_here:f"]) == 2
    assert "no_such_module_here" in capsys.readouterr().err
