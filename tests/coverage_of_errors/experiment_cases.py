"""Small known cases of experiments with denoisers: clones, round trips, identities, the search for a convention."""

import numpy as np
import torch
from repeats import case, generator, pick

from idealscore.compare import clone_experiment, feature_survival, image_agreement, measured_transitions
from idealscore.learned import wrap
from idealscore.theory import MixtureDenoiser, check

CLASSES = MixtureDenoiser([0.5, 0.5], [[-1.5, 0.0], [1.5, 0.0]], [0.3, 0.3])
LEVELS = [0.3, 0.8, 1.3, 2.0, 3.5, 8.0]


def true(measured):
    """What a long run finds, without its errors."""
    return {name: value for name, (value, _) in measured.items()}


def side(x):
    return (x[:, 0] > 0).long()


def cloned(n, seed):
    training = CLASSES.sample(20, 7)
    found = clone_experiment(
        CLASSES, CLASSES.sample(n, seed), side, [1.3], training=training, n_steps=10, seed=seed, show=False
    )
    names = ("agreement", "kept", "agreement_chance", "image_agreement", "image_kept")
    return pick(found.isel(sigma=0), *names)


@case("clone_experiment", "20,000 images", lambda: true(cloned(20_000, 0)), repeats=300)
def clones_of_images(seed):
    return cloned(80, seed)


def passed(n, seed):
    x = CLASSES.sample(n, seed)
    found = measured_transitions(
        CLASSES, x, side(x), side, LEVELS, n_starts=n, n_steps=8, n_draws=16, seed=seed, show=False
    )
    one = found.sel(transition="classes: Gaussian clones, half-clone", clock="sigma")
    return pick(one, "measured")


@case("measured_transitions", "20,000 images", lambda: true(passed(20_000, 0)), repeats=300)
def transitions_of_clones(seed):
    return passed(150, seed)


def surviving(n, seed):
    x = CLASSES.sample(n, seed)
    found = feature_survival(
        CLASSES, x, lambda x: {"squares": x**2}, LEVELS, reference=CLASSES.sample(500, 7), labeller=side,
        n_steps=8, seed=seed, show=False,
    )  # fmt: skip
    one = found.sel(layer="pixels")
    return {**pick(one.isel(sigma=2), "cosine", "cosine_chance", "class_kept"), **pick(one, "half_sigma", "width")}


@case("feature_survival", "20,000 images", lambda: true(surviving(20_000, 0)), repeats=300)
def survival_of_layers(seed):
    return surviving(150, seed)


FEW = CLASSES.sample(20, 5)


def agreeing(n_draws, seed):
    value, error = image_agreement(FEW, [0.6], n_draws, seed)
    return {"value": (float(value[0]), float(error[0]))}


@case("image_agreement", "200,000 draws", lambda: true(agreeing(200_000, 0)))
def agreement_of_images(seed):
    return agreeing(200, seed)


STRETCHED = torch.tensor([1.0, 0.1] * 4)


def exact_error(levels):
    """That of a network which predicts nine tenths of the noise of Gaussian data, in that of a featureless Gaussian."""
    s2, variance = levels[:, None] ** 2, STRETCHED.double().numpy() ** 2
    kept = (variance + 0.1 * s2) / (variance + s2)  # of a noisy entry
    error = ((1 - kept) ** 2 * variance + kept**2 * s2).mean(1)
    featureless = variance.mean() * s2[:, 0] / (variance.mean() + s2[:, 0])
    return float(np.exp(np.log(error / featureless).mean()))


def named(n, seed):
    """How far the error that was found is above the exact one at the levels that were chosen."""
    noise = generator(seed, "images").standard_normal((n, 8))
    x0 = torch.as_tensor(noise, dtype=torch.float32) * STRETCHED
    net = lambda z, s: 0.9 * s[:, None] * z / (STRETCHED**2 + s[:, None] ** 2)  # noqa: E731
    known = {"predicts": "noise", "clock": "sigma", "range": (-1, 1)}  # the least of several close ones would be biased
    found = wrap.identify(net, x0, **known, n_images=n, seed=seed, show=False)
    return {"error": (found.ranking[0].error - exact_error(found.levels), found.ranking[0].error_stderr)}


@case("wrap.identify", "exact, at the levels that the images set", lambda: {"error": 0.0}, repeats=300)
def convention_of_a_network(seed):
    return named(60, seed)


def violated(seed, n_samples):
    """A denoiser whose mean is off by a known shift."""
    shifted = lambda x, sigma: CLASSES(x, sigma) + 0.3  # noqa: E731
    report = check(
        shifted, CLASSES.sample(4, 0), 1.0, prior=lambda n, s: CLASSES.sample(n, s), identities=["mean"],
        n_samples=n_samples, seed=seed,
    )  # fmt: skip
    finding = report.findings[0]
    return {"size of the mean's violation": (finding.size, finding.size_stderr)}


@case("identities.check, network_identities", "20,000 samples", lambda: true(violated(0, 20_000)), repeats=300)
def size_of_a_violation(seed):
    return violated(seed, 200)
