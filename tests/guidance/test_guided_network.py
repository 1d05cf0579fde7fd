"""Guided samples of a class-conditional network, trained on digits, next to the theory of Gaussian classes."""

import math

import numpy as np
import pytest
import torch

from idealscore.learned import GuidedDenoiser, data
from idealscore.learned.networks import MLPDenoiser
from idealscore.learned.training import TrainConfig, train
from idealscore.learned.training.noise_levels import LogNormal
from idealscore.simulate.diffusion import sample, starting_noise
from idealscore.theory import karras_sigmas
from idealscore.theory.guidance import class_shift, guidance_window
from idealscore.theory.guidance.shared_classes import SharedClasses

N, W, CLASSES = 48, 1.0, (0, 3, 8)


@pytest.fixture(scope="module")
def shifts():
    """{window: (predicted, measured, error)}: mean over some digits of the shift along the predicted direction, and
    "other": the same along the direction predicted for the next of these digits."""
    digits = data.load("digits")
    start = MLPDenoiser(digits.shape, width=128, depth=2, n_classes=10, sigma_data=digits.sigma_data)
    config = TrainConfig(steps=500, learning_rate=3e-3, noise=LogNormal(-0.4, 1.2), condition_dropout=0.15)
    network = train(start, digits, config).network
    classes = SharedClasses.of(digits.images, digits.labels)
    low, high = guidance_window(classes).interval
    windows = {"always": (0.0, math.inf), "inside": (low, high), "below": (0.0, low)}
    sigmas = np.append(karras_sigmas(16, 0.01, 80.0), 0.0)
    assert classes.residuals is not None
    residuals = classes.residuals.numpy()
    axes = [class_shift(classes, k, W, n=64).displacement for k in CLASSES]
    axes = [axis / (residuals @ axis).std() for axis in axes]
    found = {name: [] for name in (*windows, "other")}
    for row, (k, axis) in enumerate(zip(CLASSES, axes, strict=True)):
        noise = starting_noise(N, digits.shape, 80.0, seed=k).float()
        with torch.no_grad():
            plain = sample(GuidedDenoiser(network, k), noise, sigmas).flatten(1).double().numpy()
            for name, interval in windows.items():
                guided = sample(GuidedDenoiser(network, k, W, interval=interval), noise, sigmas)
                move = guided.flatten(1).double().numpy() - plain
                predicted = class_shift(classes, k, W, interval=interval, n=64).displacement @ axis
                found[name].append((predicted, *_mean(move @ axis)))
                if name == "always":
                    found["other"].append((predicted, *_mean(move @ axes[row - 1])))
    arrays = {name: np.array(rows) for name, rows in found.items()}
    return {
        name: (one[:, 0].mean(), one[:, 1].mean(), math.hypot(*one[:, 2]) / len(one)) for name, one in arrays.items()
    }


def _mean(values):
    return values.mean(), values.std(ddof=1) / math.sqrt(len(values))


@pytest.mark.slow
def test_a_network_moves_where_gaussian_classes_do_and_hardly_below_the_window(shifts):
    predicted, measured, error = shifts["always"]
    # real classes have shapes of their own: the direction is right, the length larger than that of Gaussian classes
    assert measured > 5.5 * error and 1 < measured / predicted < 4
    inside, below = shifts["inside"], shifts["below"]
    assert inside[1] > 5.5 * inside[2] and inside[1] > 0.4 * measured
    assert abs(below[0]) < 0.1 * predicted and abs(below[1]) < 0.25 * measured
    # the negative control: along the direction of another class nothing of the kind is seen
    _, other, other_error = shifts["other"]
    assert other < 0.5 * measured - 3 * math.hypot(error, other_error)
