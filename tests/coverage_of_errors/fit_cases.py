"""Small known cases of fits and crossings: curves drawn about a known law with a known scatter."""

import numpy as np
import xarray as xr
from repeats import case, generator, pick

from idealscore.compare import composition, crossing_time, memorisation_times
from idealscore.compare.concepts import by_distance, critical_samples
from idealscore.compare.measures import fit_curve, mean_crossing, power_law
from idealscore.compare.measures.mode_learning import learning_curves
from idealscore.compare.regimes._crossover import crossover
from idealscore.compare.regimes._summary import averaged
from idealscore.compare.risk import CopyLaw
from idealscore.theory import LinearLearning

PLACES = np.geomspace(1, 1000, 13)


def logistic(x):
    return 1 / (1 + np.exp(-x))


def seeded_curves(n, seed):
    """Curves that rise over log x, each with a place of its own."""
    places = np.log(30) + 0.5 * generator(seed, "curves").standard_normal(n)
    return logistic(3 * (np.log(PLACES)[:, None] - places))


@case(
    "mean_crossing",
    "100,000 curves",
    lambda: {"log of the place": float(crossing_time(np.log(PLACES), seeded_curves(100_000, 0).mean(1), 0.5))},
)
def crossing_of_a_mean(seed):
    place, error = mean_crossing(PLACES, seeded_curves(24, seed), 0.5)
    return {"log of the place": (np.log(place), error / place)}


@case("power_law", "the law", lambda: {"exponent": 1.5})
def power_of_points(seed):
    x = np.geomspace(1, 100, 20)
    y = 3 * x**1.5 * np.exp(0.05 * generator(seed, "power law").standard_normal(20))
    return {"exponent": power_law(x, y, 0.05 * y)}


@case("learning_curves", "-1, the law", lambda: {"slope": -1.0})
def slope_of_learning_times(seed):
    theory, times = LinearLearning(np.geomspace(10, 0.1, 24), 0.5, rate=0.01), np.linspace(0, 2000, 101)
    rates = np.exp(0.1 * generator(seed, "learning rates").standard_normal(24))
    gains = np.stack([theory.weights(times * rate)[:, k] for k, rate in enumerate(rates)], axis=1)
    found = learning_curves(times, gains, theory).attrs
    return {"slope": (found["slope"], found["slope_stderr"])}


STEPS = np.arange(0, 200, 5.0)


def fitted(seed, n_samples):
    true = 0.1 + 0.9 * logistic((STEPS - 80) / 12)
    drawn = generator(seed, "accuracies").binomial(100, true) / 100
    fit = fit_curve(STEPS, drawn, "logistic", n_samples=n_samples)
    return {name: (fit.parameters[name], fit.stderr[name]) for name in fit.parameters}


@case("fit_curve, known errors", "the curve", lambda: {"chance": 0.1, "time": 80.0, "width": 12.0})
def fit_with_errors(seed):
    return fitted(seed, 100)


@case("fit_curve, unknown errors", "the curve", lambda: {"time": 80.0, "width": 12.0})
def fit_without_errors(seed):
    return fitted(seed, None)


KEPT = np.geomspace(1, 128, 24)


def counted(seed, known):
    true = 0.9 / (1 + (15 / KEPT) ** 3)
    drawn = np.clip(true + 0.03 * generator(seed, "kept pictures").standard_normal(len(KEPT)), 0, 1)
    found = critical_samples(KEPT, drawn, np.full(len(KEPT), 0.03) if known else None)
    return {"k50": (found.value, found.stderr)}


@case("critical_samples, known errors", "the curve", lambda: {"k50": 15.0})
def critical_with_errors(seed):
    return counted(seed, True)


@case("critical_samples, unknown errors", "the curve", lambda: {"k50": 15.0})
def critical_without_errors(seed):
    return counted(seed, False)


SIZES = np.geomspace(10, 1000, 12)
TRAINED = np.geomspace(30, 1e6, 40)


def copies(seed, scatter, error=0.02):
    """A map whose sizes start to copy after c n steps, c about 50."""
    rng = generator(seed, "copies")
    c = 50 * np.exp(scatter * rng.standard_normal(len(SIZES)))
    share = 1 / (1 + (c * SIZES / TRAINED[:, None]) ** 3).T
    share = share + error * rng.standard_normal(share.shape)
    return xr.Dataset(
        {
            "memorised": (("n_train", "width", "step"), share[:, None]),
            "memorised_stderr": (("n_train", "width", "step"), np.full_like(share, error)[:, None]),
        },
        {"n_train": SIZES, "width": [8], "step": TRAINED},
    )


@case(
    "CopyLaw.fit",
    "the law",
    lambda: {"middle": 50.0, "share": 1 / (1 + 0.5**3), "steps_per_image": 50 * 9 ** (-1 / 3)},
)
def copy_law(seed):
    law = CopyLaw.fit(copies(seed, 0.1))
    return {
        "middle": (law.middle, law.middle_stderr),
        "share": law.share(100, 10_000),
        "steps_per_image": law.steps_per_image(0.1),
    }


def copy_time(share, level):
    """Where the interpolated curve passes the level."""
    return float(np.exp(crossing_time(np.log(TRAINED), share, level)))


@case(
    "memorisation_times",
    "the interpolated curve, and the law",
    lambda: {
        "time": copy_time(1 / (1 + (50 * SIZES[5] / TRAINED) ** 3), 0.3),
        "prefactor": 50 * (7 / 3) ** (-1 / 3),
        "exponent": 1.0,
    },
)
def times_of_copies(seed):
    sharp = memorisation_times(copies(seed, 0.0), 0.3).isel(width=0)
    law = memorisation_times(copies(seed, 0.1, 1e-3), 0.3).isel(width=0)
    return {**pick(sharp.isel(n_train=5), "time"), **pick(law, "prefactor", "exponent")}


FALLING = logistic(2 * (np.log(100) - np.log(PLACES)))


@case(
    "regime_map, crossover",
    "the interpolated curve",
    lambda: {"log of the size": float(crossing_time(np.log(PLACES), 1 - FALLING, 0.5))},
)
def crossover_of_a_map(seed):
    errors = np.full(len(PLACES), 0.05)
    drawn = FALLING + errors * generator(seed, "map").standard_normal(len(PLACES))
    size, error = crossover(PLACES, drawn, errors, 0.5, False, 0)
    return {"log of the size": (np.log(size), error / size)}


def of_networks(seed, shared, own, repeats=8):
    """A map's mean over networks: `shared` noise of the images that all see, `own` scatter of each network."""
    rng = generator(seed, "networks")
    value = 1 + shared * rng.standard_normal() + own * rng.standard_normal((repeats, 3))
    found = averaged(
        xr.Dataset(
            {
                "rmse": (("repeat", "network"), value),
                "rmse_stderr": (("repeat", "network"), np.full(value.shape, shared)),
            }
        ),
        64,
    )
    return pick(found, "rmse")["rmse"]


@case(
    "regime_map, mean over networks",
    "1, the mean",
    lambda: {"shared images": 1.0, "scatter of networks": 1.0, "both": 1.0},
)
def networks_of_a_map(seed):
    return {
        "shared images": of_networks(seed, 0.1, 0.01),
        "scatter of networks": of_networks(seed, 0.001, 0.1),
        "both": of_networks(seed, 0.05, 0.2),
    }


def emerging(n, seed):
    """Curves of classes that emerge at random steps, later with the distance."""
    shift = 20 * generator(seed, "classes").standard_normal((n, 4, 1))
    distance, steps = np.array([0, 1, 1, 2]), np.arange(0, 400, 10.0)
    joint = logistic((steps - 100 - 60 * distance[:, None] - shift) / 8)
    curves = xr.Dataset(
        {"joint": (("seed", "class", "step"), joint)},
        {"class": list("abcd"), "distance": ("class", distance), "step": steps, "seed": np.arange(n)},
    )
    curves["accuracy"] = curves.joint.expand_dims(concept=["shape"])
    found = by_distance(composition(curves))
    return {**pick(found, "time", distance=1), **pick(found, "gap", step_up=2)}


@case(
    "composition, by_distance",
    "20,000 seeds",
    lambda: {name: value for name, (value, _) in emerging(20_000, 0).items()},
    repeats=300,
)
def emergence_by_distance(seed):
    return emerging(24, seed)
