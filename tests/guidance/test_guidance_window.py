"""The window of guidance: where the class is decided, by quadrature, by draws and in data, with errors."""

import json
import math

import numpy as np
import pytest
import torch

from idealscore.cli import main
from idealscore.errors import ArgumentError
from idealscore.learned import GuidedDenoiser
from idealscore.theory import MixtureDenoiser, Transition, class_information
from idealscore.theory.guidance import class_shift, guidance_window
from idealscore.theory.guidance.shared_classes import SharedClasses, draws, posterior_logs
from idealscore.theory.transitions import cloning

TWO = MixtureDenoiser([0.5, 0.5], [[-4.0, 0.0], [4.0, 0.0]], [1.0, 1.0])
MEANS = [[-3.0, 0.0, 1.0], [3.0, 0.5, 0.0], [0.0, 4.0, -1.0], [1.0, -4.0, 2.0]]
COVARIANCE = [[1.0, 0.2, 0.0], [0.2, 0.5, 0.1], [0.0, 0.1, 2.0]]
FOUR = MixtureDenoiser([0.1, 0.2, 0.3, 0.4], MEANS, [COVARIANCE] * 4)


def test_both_ends_solve_their_equation_and_are_read_in_every_clock():
    window = guidance_window(TWO)
    for end, share in ((window.upper, 0.05), (window.lower, 0.95)):
        assert isinstance(end, Transition) and end.stderr == 0
        c_squared = 16 / (1 + end.value**2)  # pyright: ignore[reportOptionalOperand]
        assert class_information(c_squared) == pytest.approx(share * math.log(2), rel=1e-8)
        assert set(end.clocks()) >= {"sigma", "alpha_bar", "OU time", "flow time", "DDPM step"}
    assert window.interval == (window.lower.value, window.upper.value) and window.lower.value < window.upper.value  # pyright: ignore[reportOperatorIssue]
    skewed = guidance_window(MixtureDenoiser([0.1, 0.9], [[-4.0], [4.0]], [1.0, 1.0]), shares=(0.2, 0.5))
    entropy = -0.1 * math.log(0.1) - 0.9 * math.log(0.9)
    assert class_information(16 / (1 + skewed.upper.value**2), 0.1) == pytest.approx(0.2 * entropy, rel=1e-8)  # pyright: ignore[reportOptionalOperand]


def test_information_of_many_classes_equals_the_posterior_of_the_mixture():
    classes = SharedClasses.of(FOUR)
    for sigma in (0.3, 1.0, 4.0):
        value, error = classes.information(sigma, n=4000, seed=1)
        other = cloning(FOUR, [sigma], n=4000, seed=2)
        assert abs(value - other.information.item()) < 5.5 * math.hypot(error, other.information_stderr.item())
        assert abs(value - classes.information(1.5 * sigma, n=4000)[0]) > 8 * error
    pair = SharedClasses.of(MixtureDenoiser([0.3, 0.7], MEANS[:2], [COVARIANCE] * 2))
    terms = posterior_logs(pair.gram(1.0), np.log(pair.weights), draws(2, 40000, 0))
    drawn = np.einsum("knj,knj,k->n", np.exp(terms), terms - np.log(pair.weights), pair.weights)
    assert abs(drawn.mean() - pair.information(1.0)[0]) < 5.5 * drawn.std() / 200


def test_the_window_of_a_mixture_of_any_covariances_continues_that_of_one():
    shared = guidance_window(FOUR, n=4000)
    tilted = [np.array(COVARIANCE) * (1 + 1e-9 * k) for k in range(4)]
    other = guidance_window(MixtureDenoiser([0.1, 0.2, 0.3, 0.4], MEANS, tilted), n=1000, seed=3)
    for one, two in ((shared.upper, other.upper), (shared.lower, other.lower)):
        assert one.stderr > 0 and abs(one.value - two.value) < 5.5 * math.hypot(one.stderr, two.stderr)  # pyright: ignore[reportOperatorIssue]
    for pair, one in shared.pairs.items():
        two = other.pairs[pair]
        assert one.upper.stderr == 0 and abs(one.upper.value - two.upper.value) < 5.5 * two.upper.stderr  # pyright: ignore[reportOperatorIssue]


def labelled(n, seed, dtype=torch.float64):
    draw = np.random.Generator(np.random.Philox(seed))
    labels = draw.choice(4, n, p=[0.1, 0.2, 0.3, 0.4])
    data = np.array(MEANS)[labels] + draw.multivariate_normal(np.zeros(3), COVARIANCE, n)
    return torch.from_numpy(data).to(dtype).reshape(n, 1, 3), labels


def test_errors_of_data_are_those_of_repetition():
    exact, windows = (
        guidance_window(FOUR, n=20000),
        [guidance_window(*labelled(500, s), n=500, seed=s) for s in range(24)],
    )
    for end in ("upper", "lower"):
        values = np.array([getattr(one, end).value for one in windows])
        errors = np.array([getattr(one, end).stderr for one in windows])
        assert 0.5 < values.std(ddof=1) / errors.mean() < 1.7, end
        right = getattr(exact, end).value
        assert abs(values.mean() - right) < 6 * values.std(ddof=1) / math.sqrt(24) + 0.02 * right, end
    pair = [one.pairs[0, 3].lower for one in windows]
    assert 0.5 < np.std([one.value for one in pair], ddof=1) / np.mean([one.stderr for one in pair]) < 1.7  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert len(windows[0].pairs) == 6


def test_units_names_and_singular_covariances():
    data, labels = labelled(400, 1, torch.float32)
    kept = data.clone()
    window, names = guidance_window(data, labels), np.array(["ant", "bee", "cat", "dog"])[labels]
    assert torch.equal(data, kept)
    scaled = guidance_window(7 * data + 3, names)
    assert np.allclose(scaled.interval, 7 * np.array(window.interval), rtol=1e-4)
    padded = torch.cat([data, torch.zeros_like(data), data[..., :1]], -1)  # no variance, and none of its own
    assert guidance_window(padded, labels).interval[1] > 0
    few = guidance_window(
        labelled(2, 0)[0].repeat(4, 1, 1) + torch.arange(8)[:, None, None] * torch.eye(3)[:1], [0, 1] * 4
    )  # fewer data than would fill the space
    assert few.upper.value > 0  # pyright: ignore[reportOptionalOperand]
    wide = guidance_window(MixtureDenoiser([0.5, 0.5], [[-0.1], [0.1]], [1.0, 1.0]))
    assert wide.upper.value is None and wide.interval == (0.0, math.inf) and "never 5%" in wide.upper.note


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: guidance_window(torch.zeros(4, 2)), "labels"),
        (lambda: guidance_window(torch.eye(4), [1, 1, 1, 1]), "labels"),
        (lambda: guidance_window(torch.zeros(4, 2), [0, 0, 1, 1]), "source"),
        (lambda: guidance_window(MixtureDenoiser([1.0], [[0.0]], [1.0])), "source"),
        (lambda: guidance_window(MixtureDenoiser([1.0, 0.0], [[0.0], [1.0]], [1.0, 1.0])), "source"),
        (lambda: guidance_window(MixtureDenoiser([1.0, 0.0], [[0.0], [1.0]], [1.0, 2.0])), "source"),
        (lambda: guidance_window(TWO, shares=(0.9, 0.1)), "shares"),
        (lambda: guidance_window(TWO, shares=(0.0, 0.1)), "shares"),
        (lambda: class_shift(TWO, 2, 1.0), "label"),
        (lambda: class_shift(TWO, 0, -1.0), "w"),
        (lambda: class_shift(TWO, 0, 1.0, interval=(3.0, 2.0)), "interval"),
        (lambda: class_shift(MixtureDenoiser([0.5, 0.5], [[0.0], [1.0]], [1.0, 2.0]), 0, 1.0), "source"),
        (lambda: GuidedDenoiser(abs, 1, 1.0, interval=(2.0, 1.0)), "interval"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_bad_input_is_refused(call, argument):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert caught.value.argument == argument


def test_guided_networks_are_guided_inside_the_interval_alone():
    def network(x, sigma, condition=None):
        return x if condition is None else x + condition

    x, sigma = torch.zeros(4, 2), torch.tensor([0.5, 1.0, 1.5, 2.0])
    guided = GuidedDenoiser(network, 1.0, 2.0, interval=(0.5, 1.5))
    assert guided(x, sigma)[:, 0].tolist() == [1.0, 3.0, 3.0, 1.0]
    assert guided(x, 9.0).tolist() == x.add(1).tolist() and "interval=(0.5, 1.5)" in repr(guided)
    assert GuidedDenoiser(network, 1.0, 2.0)(x, 9.0).tolist() == x.add(3).tolist()


def test_the_command_prints_window_interval_and_classes(capsys):
    options = ["--draws", "100", "--starts", "8"]
    assert main(["transitions", "guidance", "digits", *options]) == 0
    printed = capsys.readouterr().out
    assert "guidance sets in" in printed and "guide for sigma from" in printed and "alpha_bar" in printed
    assert main(["transitions", "guidance", "digits", "--json", "--interval", "0.5", "3", "--w", "2", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["interval"] == [0.5, 3.0] and len(found["classes"]) == 10
    one = found["classes"]["3"]
    assert one["interval"]["shift"] < one["always"]["shift"] and one["always"]["shift_stderr"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--interval", "90", "100"], "interval: begins at 90"),
        (["--interval", "0.0001", "0.001"], "interval: ends at 0.001"),
        (["--interval", "3", "1"], "interval: is (3, 1)"),
        (["--w=-1"], "w: is -1.0"),
    ],
)
def test_the_command_refuses_before_any_work(options, message, capsys):
    assert main(["transitions", "guidance", "nowhere.npy", *options]) == 2
    assert message in capsys.readouterr().err


def test_sampling_refuses_an_interval_that_no_step_falls_into(capsys):
    for options, message in (
        (["--guidance-interval", "90", "99"], "begins at 90"),
        (["--guidance-interval", "1e-5", "1e-4"], "ends at 0.0001"),
    ):
        assert main(["sample", "nowhere.safetensors", "--condition", "1", "--guidance", "1", *options]) == 2
        assert message in capsys.readouterr().err
    assert main(["sample", "nowhere.safetensors", "--guidance-interval", "1", "2"]) == 2
    assert "without a guidance" in capsys.readouterr().err
