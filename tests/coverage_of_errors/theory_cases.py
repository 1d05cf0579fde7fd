"""Small known cases of theory: errors that the data, or the draws behind an average, leave in a prediction."""

from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from repeats import Explained, case, generator

from idealscore.theory import (
    Grammar,
    LocalDenoiser,
    MixtureDenoiser,
    additive_law,
    class_shift,
    class_speciation,
    cloning,
    collapse,
    entropy_curve,
    entropy_profile,
    exit_curve,
    guidance_window,
    multiplicative_law,
    speciation,
)
from idealscore.theory.finite_sample import errors, kurtosis_factor, sample_cosine, sample_cosine_stderr
from idealscore.theory.hierarchy.density_evolution import threshold
from idealscore.theory.local import PatchSchedule, sampled, window_index
from idealscore.theory.transitions import OnsetLaw, mode_emergence

SPECTRUM = np.array([9.0, 3.0, 1.0, 0.3])
FEW_POINTS = torch.as_tensor(generator(0, "few points").standard_normal((30, 2)))
UNEQUAL = MixtureDenoiser([0.3, 0.3, 0.4], [[-2.0, 0.0], [2.0, 0.0], [0.0, 3.0]], [0.3, 0.6, 1.0])
EQUAL = MixtureDenoiser([0.3, 0.3, 0.4], [[-2.0, 0.0], [2.0, 0.0], [0.0, 3.0]], [0.5, 0.5, 0.5])
PAIR = MixtureDenoiser([0.5, 0.5], [[-2.0, 0.0], [2.0, 0.0]], [0.5, 0.5])
LONG = 50_000


def of(transition):
    """Value and error of a transition."""
    return transition.value, transition.stderr


def gaussian(seed, n, spectrum=SPECTRUM):
    return generator(seed, "gaussian data").standard_normal((n, len(spectrum))) * np.sqrt(spectrum)


def labelled(seed, mixture, n):
    """Data of a mixture with their classes."""
    rng = generator(seed, "labelled data")
    labels = rng.choice(len(mixture.means), size=n, p=mixture.log_weights.exp().numpy())
    root = np.sqrt([float(component.dense()[0, 0]) for component in mixture.covariances])
    return mixture.means.numpy()[labels] + root[labels, None] * rng.standard_normal((n, 2)), labels


def of_spectrum(source, n_train):
    return {
        "speciation": of(speciation(source)),
        "collapse, Gaussian bound": of(collapse(source, n_train)),
        "emergence of mode 3": of(mode_emergence(source)[2]),
    }


@case(
    "speciation, collapse, mode_emergence of data",
    "exact, from the covariance",
    lambda: {name: value for name, (value, _) in of_spectrum(np.diag(SPECTRUM), 2000).items()},
)
def transitions_of_a_spectrum(seed):
    return of_spectrum(gaussian(seed, 2000), 2000)


@case(
    "class_speciation, guidance_window of two classes",
    "exact, from the mixture",
    lambda: {
        "class_speciation": class_speciation(PAIR)[0, 1].value,
        "guidance_window, upper": guidance_window(PAIR).upper.value,
        "guidance_window, lower": guidance_window(PAIR).lower.value,
    },
)
def classes_of_data(seed):
    data, labels = labelled(seed, PAIR, 1000)
    window = guidance_window(data, labels)
    return {
        "class_speciation": of(class_speciation(data, labels)[0, 1]),
        "guidance_window, upper": of(window.upper),
        "guidance_window, lower": of(window.lower),
    }


@case(
    "guidance_window of three classes",
    f"the mixture, {LONG:,} draws",
    lambda: {
        "upper": guidance_window(EQUAL, n=LONG).upper.value,
        "lower": guidance_window(EQUAL, n=LONG).lower.value,
    },
    repeats=300,
)
def window_of_three_classes(seed):
    window = guidance_window(*labelled(seed, EQUAL, 600), n=1000, seed=seed)
    return {"upper": of(window.upper), "lower": of(window.lower)}


def shifts(n, seed):
    found = class_shift(EQUAL, 2, 1.5, n=n, seed=seed)
    return {name: (getattr(found, name), getattr(found, f"{name}_stderr")) for name in ("shift", "variance", "spread")}


@case(
    "class_shift",
    f"{LONG:,} starts",
    lambda: {name: value for name, (value, _) in shifts(LONG, 0).items()},
    repeats=300,
)
def class_shift_of_three_classes(seed):
    return shifts(1024, seed)


def of_draws(n_draws, seed):
    """Averages over draws, the training set or mixture being given."""
    curve = entropy_curve(FEW_POINTS, [0.5], n_draws, seed).isel(sigma=0)
    clones = cloning(UNEQUAL, [1.0], n_draws, seed).isel(sigma=0)
    return {
        "collapse, entropy": of(collapse(FEW_POINTS, criterion="entropy", n_draws=n_draws, seed=seed)),
        "collapse, mixture": of(collapse(UNEQUAL, 50, "mixture", n_draws, seed)),
        "entropy_curve": (float(curve.entropy), float(curve.entropy_stderr)),
        "cloning, phi": (float(clones.phi), float(clones.phi_stderr)),
        "cloning, information": (float(clones.information), float(clones.information_stderr)),
    }


@case(
    "collapse, entropy_curve, cloning over draws",
    f"{LONG:,} draws",
    lambda: {name: value for name, (value, _) in of_draws(LONG, 0).items()},
    repeats=300,
)
def averages_over_draws(seed):
    return of_draws(300, seed)


@case(
    "OnsetLaw.fit",
    "the law that the onsets are drawn from",
    lambda: {"prefactor": 300.0, "exponent": 1.0},
)
def onset_law(seed):
    n = np.geomspace(50, 5000, 20)
    law = OnsetLaw.fit(n, 300 * n * np.exp(0.1 * generator(seed, "onsets").standard_normal(20)))
    assert law.exponent is not None and law.exponent_stderr is not None
    return {"prefactor": (law.prefactor, law.prefactor_stderr), "exponent": (law.exponent, law.exponent_stderr)}


NAMES = ("kappa", "df1", "df2", "test", "train", "disagreement")


@case(
    "finite_sample.errors, sample_cosine_stderr",
    "exact, from the spectrum",
    lambda: {
        **{name: getattr(errors(SPECTRUM, 50, 0.5), name) for name in NAMES},
        "sample_cosine": sample_cosine(SPECTRUM, 50),
    },
)
def errors_of_a_measured_spectrum(seed):
    measured = np.linalg.eigvalsh(np.cov(gaussian(seed, 2000).T))[::-1].copy()
    found = errors(measured, 50, 0.5, spectrum_n=2000)
    return {
        **{name: (getattr(found, name), found.stderr[name]) for name in NAMES},
        "sample_cosine": (sample_cosine(measured, 50), sample_cosine_stderr(measured, 50, 2000)),
    }


def factor(data):
    found = kurtosis_factor(data, 200, 1.0)
    return found.value, found.stderr


def laplacian(seed, n):
    return generator(seed, "heavy tails").laplace(size=(n, len(SPECTRUM))) * np.sqrt(SPECTRUM / 2)


@case(
    "kurtosis_factor",
    "1 for Gaussian data; 400,000 data of the Laplace law",
    lambda: {"Gaussian data": 1.0, "Laplace data": factor(laplacian(0, 400_000))[0]},
    explained={
        "Laplace data": Explained(
            0.84, 0.98, "fourth moments of heavy tails from 2,000 data: skewed, a low value has too small an error"
        )
    },
)
def kurtosis(seed):
    return {"Gaussian data": factor(gaussian(seed, 2000)), "Laplace data": factor(laplacian(seed, 2000))}


PROFILED = Grammar.random(v=4, m=2, s=2, depth=3, seed=1)


@case(
    "entropy_profile and exit_curve by belief propagation",
    "all sets of positions",
    lambda: {
        **{f"f({a})": float(entropy_profile(PROFILED, method="enumeration").values[a]) for a in (2, 5)},
        "entropy": PROFILED.entropy,
        "exit_curve, loss": float(exit_curve(entropy_profile(PROFILED, method="enumeration"), [0.5]).loss[0]),
    },
    repeats=300,
    explained={
        "entropy": Explained(0.95, 1.0, "an upper bound: as if all values of f erred together"),
        "exit_curve, loss": Explained(0.95, 1.0, "an upper bound: as if all values of f erred together"),
    },
)
def masked_profile(seed):
    profile = entropy_profile(PROFILED, n=32, points=8, method="propagation", seed=seed)
    curve = exit_curve(profile, [0.5]).isel(masked=0)
    return {
        **{f"f({a})": (float(profile.values[a]), float(profile.stderr[a])) for a in (2, 5)},
        "entropy": (profile.entropy, profile.entropy_stderr),
        "exit_curve, loss": (float(curve.loss), float(curve.loss_stderr)),
    }


EVOLVED = {"v": 4, "m": 2, "s": 2, "channel": "masking", "size": 10}
FIXED_POINT = 0.5


def critical(relative_error, seed, **options):
    found = threshold(**EVOLVED, fixed_point=FIXED_POINT, relative_error=relative_error, seed=seed, **options)
    return found.value, found.stderr


@case(
    "density_evolution.threshold",
    "one run to 0.6 %",
    lambda: {"critical noise": critical(6e-3, 0, max_sequences=50_000)[0]},
    repeats=300,
)
def density_evolution(seed):
    return {"critical noise": critical(0.06, seed)}


@case(
    "multiplicative_law, additive_law",
    "product and mean of the probabilities",
    lambda: {"multiplicative_law": 0.9 * 0.7 * 0.5, "additive_law": (0.9 + 0.7 + 0.5) / 3},
)
def composition_laws(seed):
    shares = generator(seed, "accuracies").binomial(100, [0.9, 0.7, 0.5]) / 100
    error = np.sqrt(shares * (1 - shares) / 100)
    found = {"multiplicative_law": multiplicative_law(shares, error), "additive_law": additive_law(shares, error)}
    return {name: (float(law.value), float(law.stderr)) for name, law in found.items()}


def pictures(seed, n, side=5):
    """Smooth pictures, whose errors of patch sizes differ."""
    noise = generator(seed, "pictures").standard_normal((n, 1, side, side))
    return torch.as_tensor(noise.cumsum(2).cumsum(3) / side)


def patch_error(seed):
    """Errors of the optimum of 3 x 3 windows on held-out pictures."""
    found = PatchSchedule.calibrate(pictures(seed, 160), [0.5], [3], n_held_out=40, seed=seed)
    assert found.error is not None and found.error_stderr is not None
    return float(found.error[0, 0]), float(found.error_stderr[0, 0])


@case(
    "PatchSchedule.calibrate",
    "the mean over 1,500 other sets of pictures",
    lambda: {"error": float(np.mean([patch_error(10_000 + i)[0] for i in range(1500)]))},
    repeats=300,
)
def patch_sizes(seed):
    return {"error": patch_error(seed)}


COMPARED = pictures(1, 40, 9)
NOISY = pictures(2, 1, 9) + 0.5 * torch.as_tensor(generator(2, "picture noise").standard_normal((1, 1, 9, 9)))
FEW_WINDOWS: dict[str, Any] = {
    "AFFORDABLE": 0,
    "READING": 0,
    "SHARES": (0.2,),
    "SHARE_AGAIN": 0.8,
    "MEASURED": 16,
    "COMPARED": 32,
}


@case(
    "LocalDenoiser.estimate, sampled windows",
    "all windows",
    lambda: {"middle pixel": float(LocalDenoiser(COMPARED, 3)(NOISY, 0.5)[0, 0, 4, 4])},
    repeats=300,
)
def sampled_windows(seed):
    with patch.multiple(sampled, **FEW_WINDOWS), patch.object(window_index, "LEAF", 32):
        found = LocalDenoiser(COMPARED, 3, tolerance=0.99, seed=seed).estimate(NOISY, 0.5)
    assert not found.exact.any()
    return {"middle pixel": (float(found.mean[0, 0, 4, 4]), float(found.stderr[0, 0, 4, 4]))}
