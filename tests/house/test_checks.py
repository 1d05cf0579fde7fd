import numpy as np
import pytest
import torch

from idealscore import errors
from idealscore._support import checks as check
from idealscore._support import estimates as _estimates


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: check.integer("n", 1.0, 1), errors.ArgumentError, "n: is 1.0"),
        (lambda: check.integer("n", True, 1), errors.ArgumentError, "n: is True"),
        (lambda: check.integer("n", 0, 1), errors.ArgumentError, "integer >= 1"),
        (lambda: check.integer("n", 9, 1, 5), errors.ArgumentError, "<= 5"),
        (lambda: check.real("p", float("nan")), errors.ArgumentError, "finite"),
        (lambda: check.real("p", 1.5, 0.0, 1.0), errors.ArgumentError, r"\[0, 1\]"),
        (lambda: check.real("p", "1"), errors.ArgumentError, "p: is '1'"),
        (lambda: check.choice("kind", "sight", ["site", "bond"]), errors.UnknownNameError, "did you mean 'site'"),
        (lambda: check.dataset("data", np.zeros(3)), errors.ShapeError, r"\(n, \*event\)"),
        (lambda: check.dataset("data", np.zeros((0, 3))), errors.EmptyDataError, "data"),
        (lambda: check.dataset("data", np.zeros((3, 0))), errors.EmptyDataError, "data"),
        (lambda: check.dataset("data", [[1.0, np.nan]]), errors.NotFiniteError, "data"),
        (lambda: check.dataset("data", [["a", "b"]]), errors.ArgumentError, "expected an array of real numbers"),
        (lambda: check.dataset("data", np.zeros((2, 2), complex)), errors.ArgumentError, "complex"),
        (lambda: check.batch("x", np.zeros((2, 2)), (2,)), errors.ArgumentError, "torch tensor"),
        (lambda: check.batch("x", torch.zeros(2, 2, dtype=torch.int64), (2,)), errors.ArgumentError, "int64"),
        (lambda: check.batch("x", torch.zeros(2, 3), (2,)), errors.ShapeError, r"\(2, 3\)"),
        (lambda: check.positive_sigmas("sigmas", []), errors.ShapeError, "sigmas"),
        (lambda: check.positive_sigmas("sigmas", [1.0, 0.0]), errors.NoiseLevelError, "sigmas"),
    ],
)
def test_each_refusal_names_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_every_error_about_an_argument_is_a_value_error_and_survives_a_process_boundary():
    import pickle

    for error in (errors.ShapeError("x", "is wrong", "mend it"), errors.UnknownNameError("k", "b", ["a"])):
        assert isinstance(error, ValueError)
        again = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert str(again) == str(error) and type(again) is type(error)


def test_ratio_error_is_the_delta_method():
    rng = np.random.default_rng(0)
    estimates, errors_ = [], []
    for _ in range(400):
        bottom = rng.gamma(5.0, size=200)
        top = 2 * bottom + rng.normal(size=200)
        ratio, error = _estimates.ratio_error(top, bottom)
        estimates.append(ratio)
        errors_.append(error)
    # relative error of a standard deviation from 400 draws: 1/sqrt(798); five of them
    assert np.std(estimates) / np.mean(errors_) == pytest.approx(1, abs=5 / 798**0.5)


def test_a_single_point_has_no_error():
    assert np.isnan(_estimates.mean_error(np.array([1.0]))[1])
