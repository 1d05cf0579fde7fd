"""Where a curve passes a level: every direction and pick against a search by hand, and errors against their scatter."""

import numpy as np
import pytest

from idealscore._support.crossing import DIRECTIONS, PICKS, Resample, crossing, with_error
from idealscore.errors import ArgumentError, ShapeError, UnknownNameError


def by_hand(x, y, level, direction, pick, log_x):
    """The definition, point by point."""
    changes = [k for k in range(1, len(y)) if (y[k] >= level) != (y[k - 1] >= level)]
    if not changes:
        return np.nan
    k = changes[0 if pick == "first" else -1]
    if direction != "either" and (y[k] > y[k - 1]) != (direction == "rising"):
        return np.nan
    u = np.log(x) if log_x else x
    place = u[k - 1] + (u[k] - u[k - 1]) * (level - y[k - 1]) / (y[k] - y[k - 1])
    return np.exp(place) if log_x else place


@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("pick", PICKS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_random_curves_against_the_definition(direction, pick, log_x):
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.random(9)) + 0.1
    curves = rng.random((5, 40, 9))
    found = crossing(x, curves, 0.6, direction=direction, pick=pick, log_x=log_x)
    wanted = [[by_hand(x, y, 0.6, direction, pick, log_x) for y in some] for some in curves]
    assert found.shape == (5, 40) and np.isfinite(found).any()
    assert np.isnan(found).any() or direction == "either"
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_levels_have_the_shape_of_the_curves_or_one_to_each_level():
    x, y = np.array([0.0, 1.0, 2.0]), np.array([[0.0, 1.0, 2.0], [0.0, 2.0, 4.0]])
    assert crossing(x, y, [0.5, 0.5]).tolist() == [0.5, 0.25]
    assert crossing(x, y[0], [0.5, 1.5, 3.0]).tolist() == pytest.approx([0.5, 1.5, np.nan], nan_ok=True)
    assert crossing(x, y, [[0.5], [1.0]]).tolist() == [[0.5, 0.25], [1.0, 0.5]]


def test_a_point_at_the_level_is_above_it():
    x = [0.0, 1.0, 2.0]
    assert crossing(x, [0.0, 0.5, 1.0], 0.5).item() == 1.0
    assert crossing(x, [1.0, 0.5, 0.0], 0.5).item() == 1.0
    assert np.isnan(crossing(x, [0.5, 1.0, 1.0], 0.5)) and np.isnan(crossing(x, [1.0, 1.0, 0.5], 0.5))


def test_wrong_sides_gaps_and_single_points_pass_nothing():
    x = [1.0, 2.0, 3.0]
    assert np.isnan(crossing(x, [1.0, 0.0, 1.0], 0.5, direction="rising"))
    assert np.isnan(crossing(x, [0.0, 1.0, 0.0], 0.5, direction="rising", pick="last"))
    assert np.isnan(crossing(x, [0.0, np.nan, 1.0], 0.5)) and np.isnan(crossing(x, [1.0, np.nan, np.nan], 0.5))
    assert crossing(x, [0.0, 1.0, np.nan], 0.5).item() == 1.5
    assert np.isnan(crossing([1.0], [0.0], 0.5)) and np.isnan(crossing([1.0], [1.0], 0.5, log_x=True))


def test_falling_places_too():
    assert crossing([3.0, 2.0, 1.0], [0.0, 1.0, 1.0], 0.5, direction="rising").item() == 2.5


@pytest.mark.parametrize(
    ("call", "error", "argument"),
    [
        (lambda: crossing([1.0], [1.0], 0.5, direction="up"), UnknownNameError, "direction"),
        (lambda: crossing([1.0], [1.0], 0.5, pick="second"), UnknownNameError, "pick"),
        (lambda: crossing([1.0, 2.0], [1.0], 0.5), ShapeError, "y"),
        (lambda: crossing([], [], 0.5), ShapeError, "y"),
        (lambda: crossing([[1.0]], [[1.0]], 0.5), ShapeError, "y"),
        (lambda: crossing([0.0, 1.0], [0.0, 1.0], 0.5, log_x=True), ArgumentError, "x"),
    ],
)
def test_bad_input_is_refused(call, error, argument):
    with pytest.raises(error, match=argument):
        call()


def noisy_curves(rng, trials, curves, noise=0.1):
    x = np.linspace(0.5, 4.5, 9)
    return x, 1 / (1 + np.exp(2 - x)) + noise * rng.standard_normal((trials, curves, 9))


@pytest.mark.parametrize("log_x", [False, True])
def test_the_jackknife_error_is_the_scatter_over_repetitions(log_x):
    """400 repetitions: a standard deviation is known to 3.5 %, and the mean of the squared errors is the variance."""
    x, values = noisy_curves(np.random.default_rng(3), 400, 12)

    def read(curves):
        return crossing(x, curves, 0.5, direction="rising", log_x=log_x)

    pairs = np.array([with_error(read, Resample.jackknife(curves), log_x=log_x) for curves in values])
    assert np.isfinite(pairs).all()
    assert pairs[:, 0].std() / np.sqrt((pairs[:, 1] ** 2).mean()) == pytest.approx(1, abs=0.2)


def test_the_error_of_a_bootstrap_is_the_scatter_of_its_curves():
    x, values = noisy_curves(np.random.default_rng(4), 1, 300)
    curves = values[0]
    places = crossing(x, curves, 0.5)
    place, error = with_error(lambda y: crossing(x, y, 0.5), Resample(curves))
    assert place == pytest.approx(places[0]) and error == pytest.approx(places[1:].std(ddof=1))
    pair, errors = with_error(lambda y: np.stack([crossing(x, y, 0.5), crossing(x, y, 9.0)], -1), Resample(curves))
    assert [pair[0], float(errors[0])] == pytest.approx([float(place), float(error)])
    assert np.isnan([pair[1], errors[1]]).all()


def test_the_error_is_unknown_where_too_few_redraws_pass():
    x, flat = [0.0, 1.0], np.array([0.0, 0.1])
    steep = np.stack([[0.0, 1.0 + k / 100] for k in range(101)])

    def error(curves, **options):
        return float(with_error(lambda y: crossing(x, y, 0.5), Resample(curves, **options))[1])

    few, many = steep.copy(), steep.copy()
    few[1:5], many[1:6] = flat, flat
    assert np.isfinite(error(steep)) and np.isfinite(error(few))
    assert np.isnan(error(many)) and np.isnan(error(few, missing=0.0))
    assert np.isfinite(error(steep, missing=0.0))
    assert np.isnan(error(steep[:1])) and np.isnan(error(steep[:2]))
    assert np.isnan(error(np.concatenate([flat[None], steep])))


def test_one_curve_has_no_jackknife():
    place, error = with_error(lambda y: crossing([1.0, 2.0], y, 0.5), Resample.jackknife([[0.0, 1.0]]))
    assert place == 1.5 and np.isnan(error)
