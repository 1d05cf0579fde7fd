"""The structured identity mapping: against integration, true gradient flow and gradient descent."""

import numpy as np
import pytest
from known import known

from idealscore._support.streams import stream
from idealscore.errors import ArgumentError, ShapeError, UnknownNameError
from idealscore.theory.learning import SwingBy


def coupled(omega=1e-3, means=(1.0, 2.0), spreads=0.05, rho=0.9, clock="paper"):
    return SwingBy(means, spreads, omega * np.array([[1.0, rho], [rho, 1.0]]), clock)


def gradient_of_u(theory, factor):
    """-dL/dU for L = |(U U^T - I) A^(1/2)|^2 / 2, by finite differences."""
    root = np.diag(np.sqrt(theory.strength))
    loss = lambda U: ((((U @ U.T) - np.eye(len(root))) @ root) ** 2).sum() / 2  # noqa: E731
    gradient, step = np.zeros_like(factor), 1e-5
    for index in np.ndindex(factor.shape):
        ahead, behind = factor.copy(), factor.copy()
        ahead[index] += step
        behind[index] -= step
        gradient[index] = (loss(ahead) - loss(behind)) / (2 * step)
    return -gradient


def test_strength():
    assert np.allclose(SwingBy([1.0, 2.0, 3.0], [0.1, 0.2, 0.3]).strength, [0.01 + 1 / 3, 0.04 + 4 / 3, 0.09 + 3])


def test_one_layer_solves_its_flow():
    start = stream(0, "start").standard_normal((3, 3))
    theory = SwingBy([1.0, 1.5, 2.2], 0.3, start)
    times = np.array([0.0, 0.5, 2.0, 7.0])
    assert np.abs(theory.one_layer(times) - theory.reference(times, layers=1)).max() < 1e-9


@pytest.mark.parametrize("clock", ["paper", "gradient flow"])
def test_two_layers_follow_the_gradient_flow_of_their_weights(clock):
    factor = 0.1 * stream(2, "factor").standard_normal((3, 3))
    theory, times = SwingBy([1.0, 1.5, 2.2], 0.3, factor @ factor.T, clock), np.array([0.0, 0.5, 2.0, 7.0])
    assert np.abs(theory.two_layer(times) - theory.reference(times)).max() < 1e-9
    assert np.abs(theory.two_layer(2 * times) - theory.reference(times)).max() > 1e-2


def test_concepts_that_start_as_one_stay_so_up_to_rounding():
    omega = 1e-3 * (1 + 1e-16 * np.arange(3))
    for start in omega:
        late = SwingBy([1.0, 2.0], 0.05, np.full((2, 2), start)).closed_form(60.0)
        assert late[0, 0] < 1e-3 and abs(late[1, 1] - 1) < 1e-12


def test_the_published_field_is_half_of_the_gradient_flow():
    factor = stream(1, "factor").standard_normal((3, 3))
    weights = factor @ factor.T
    paper = SwingBy([1.0, 2.0, 3.0], 0.1, weights)
    push = gradient_of_u(paper, factor)
    true = push @ factor.T + factor @ push.T
    assert np.abs(true / paper.field(weights) - 2).max() < 1e-6
    flow = SwingBy([1.0, 2.0, 3.0], 0.1, weights, clock="gradient flow")
    assert np.abs(true - flow.field(weights)).max() < 1e-6


def test_paper_time_is_twice_the_time_of_the_flow():
    times = np.linspace(0, 3, 7)
    paper, flow = coupled(), coupled(clock="gradient flow")
    assert np.abs(paper.two_layer(2 * times) - flow.two_layer(times)).max() < 1e-9
    assert np.abs(paper.closed_form(2 * times) - flow.closed_form(times)).max() < 1e-14
    assert paper.emergence(2)[0].value == pytest.approx(2 * known(flow.emergence(2)[0].value))
    assert paper.emergence(1)[0].value == pytest.approx(flow.emergence(1)[0].value)


def test_diagonal_start_is_exact():
    theory = SwingBy([1.0, 1.5, 2.2], 0.05, np.diag([1e-3, 2e-3, 5e-4]))
    times = np.linspace(0, 12, 50)
    integrated = theory.two_layer(times)
    assert np.abs(np.diagonal(integrated, axis1=1, axis2=2) - theory.diagonal(times)).max() < 1e-9
    assert np.abs(integrated - integrated * np.eye(3)).max() == 0
    for p, transition in enumerate(theory.emergence(2, 0.3)):
        assert theory.diagonal(known(transition.value))[p] == pytest.approx(0.3, abs=1e-12)
    for p, transition in enumerate(SwingBy([1.0, 2.0], 0.1).emergence(1, 0.3)):
        assert SwingBy([1.0, 2.0], 0.1).one_layer(known(transition.value))[p, p] == pytest.approx(0.3, abs=1e-12)


@pytest.mark.parametrize(
    ("omega", "of_weights", "of_loss"), [(1e-2, 0.0145, 0.019), (1e-3, 0.0030, 0.005), (1e-4, 6e-4, 1e-3)]
)
def test_closed_form_errs_as_the_start(omega, of_weights, of_loss):
    theory, times = coupled(omega), np.linspace(0, 15, 400)
    integrated, closed = theory.two_layer(times), theory.closed_form(times)
    assert np.abs(integrated - closed).max() < of_weights
    assert np.abs(theory.loss(integrated) - theory.loss(closed)).max() < of_loss


def test_the_swing():
    """Loss 0.426 at t = 2.41, then 0.467 at 4.33, then to zero; in closed form within 1 %."""
    theory = coupled()
    fall, rise = known(theory.turning_points())
    times = np.linspace(0, 30, 6001)
    loss = theory.loss(theory.two_layer(times))
    low = int(np.argmin(loss[:700]))
    high = low + int(np.argmax(loss[low:1500]))
    assert times[low] == pytest.approx(2.41, abs=0.01) and times[high] == pytest.approx(4.33, abs=0.01)
    assert loss[low] == pytest.approx(0.4265, abs=5e-4) and loss[high] == pytest.approx(0.4671, abs=5e-4)
    assert fall == pytest.approx(times[low], rel=0.01) and rise == pytest.approx(times[high], rel=0.01)
    assert loss[-1] < 1e-3
    assert SwingBy([1.0, 2.0], 0.05, 1e-3).turning_points() is None


def test_gradient_descent_tracks_the_flow():
    """Error of the loss curve falls with the step: O(step)."""
    start = 1e-2 * np.array([[1.0, 0.5], [0.5, 1.0]])
    theory = SwingBy([1.0, 2.0], 0.05, start, clock="gradient flow")
    errors = []
    for step in (0.02, 0.01, 0.005):
        factor, weights = np.linalg.cholesky(start), []
        n = round(4 / step)
        for _ in range(n):
            weights.append(factor @ factor.T)
            miss = factor @ factor.T - np.eye(2)
            factor = factor - step * (miss * theory.strength + (miss * theory.strength).T) @ factor
        exact = theory.loss(theory.two_layer(step * np.arange(n)))
        errors.append(np.abs(theory.loss(np.array(weights)) - exact).max())
    assert errors[2] < 0.02
    assert 1.7 < errors[0] / errors[1] < 2.3 and 1.7 < errors[1] / errors[2] < 2.3


def test_order_of_learning_turns_where_the_strengths_cross():
    """sigma_1^2 = sigma_2^2 + (mu_2^2 - mu_1^2) / s = 1.5025, sigma_1 = 1.2258."""
    for spread, first in ((1.22, 1), (1.23, 0)):
        times = [known(t.value) for t in SwingBy([1.0, 2.0], [spread, 0.05], 1e-3).emergence(2)]
        assert int(np.argmin(times)) == first


def test_bad_input_is_named():
    with pytest.raises(UnknownNameError, match="clock"):
        SwingBy([1.0], 0.1, clock="steps")
    with pytest.raises(ShapeError, match="initial"):
        SwingBy([1.0, 2.0], 0.1, np.eye(3))
    with pytest.raises(ShapeError, match="spreads"):
        SwingBy([1.0, 2.0], [0.1, 0.1, 0.1])
    with pytest.raises(ArgumentError, match="semi-definite"):
        SwingBy([1.0, 2.0], 0.1, [[1e-3, 2e-3], [2e-3, 1e-3]]).two_layer(1.0)
    with pytest.raises(ArgumentError, match="zero on its diagonal"):
        SwingBy([1.0, 2.0], 0.1).diagonal(1.0)
    with pytest.raises(ArgumentError, match="expected 2 concepts, got 3"):
        SwingBy([1.0, 2.0, 3.0], 0.1, 1e-3).closed_form(1.0)
    with pytest.raises(ArgumentError, match="times"):
        coupled().one_layer(-1.0)
