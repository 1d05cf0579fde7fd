"""Small known cases of the measures of denoisers: averages over points, pairs and samples."""

import numpy as np
import torch
from repeats import Explained, case, generator, pick

from idealscore.compare import hierarchy_track, linearity, memorisation, track
from idealscore.compare.dimension import local_dimension
from idealscore.compare.flow_matching import flow_target
from idealscore.compare.measures import distill_linear, handover, pairwise_reproducibility, probed_range
from idealscore.compare.schedules import schedule_errors, schedule_gain
from idealscore.learned.probes import fit_centres
from idealscore.simulate.bumps import BumpCanvas, bump_images
from idealscore.theory import EmpiricalDenoiser, FilteredDenoiser, GaussianDenoiser, Grammar, MixtureDenoiser
from idealscore.theory.covariance import Covariance

LONG = 40_000
DIM = 4
MIXTURE = MixtureDenoiser(
    [0.5, 0.5], [[-1.5, 0.0, 0.0, 0.0], [1.5, 0.0, 0.0, 0.0]], [torch.eye(DIM).double() * v for v in (0.3, 0.6)]
)
WIDE = GaussianDenoiser(torch.zeros(DIM).double(), torch.diag(torch.tensor([3.0, 0.5, 0.5, 0.5])).double())
ROUND = GaussianDenoiser(torch.zeros(DIM).double(), 0.9 * torch.eye(DIM).double())
MEMORY = EmpiricalDenoiser(MIXTURE.sample(12, 99).double())
THEORIES = {"wide": WIDE, "round": ROUND, "memory": MEMORY}
NULL = GaussianDenoiser(torch.zeros(DIM).double(), Covariance.isotropic(torch.tensor(1.0).double(), DIM))


def points(seed, n):
    return MIXTURE.sample(n, seed).double()


TRAINED_ON = points(0, 2000)


def true(measured):
    """What a long run finds, without its errors."""
    return {name: value for name, (value, _) in measured.items()}


def tracked(n, seed):
    found = track(MIXTURE, THEORIES, points(seed, n), [0.7], seed=seed, batch_size=n, null=NULL, show=False)
    names = ("score_error", "cosine", "explained_variance", "rmse", "denoising_error", "combination_weight")
    alone = ("network_denoising_error", "null_explained", "best_explained", "combination_explained", "combination_gain")
    here = found.isel(sigma=0)
    return {**pick(here.sel(theory="wide"), *names), **pick(here, *alone)}


@case("track", f"{LONG:,} points", lambda: true(tracked(LONG, 0)), repeats=300)
def track_of_points(seed):
    return tracked(400, seed)


def linear(n_pairs, seed):
    x0 = TRAINED_ON
    return pick(
        linearity(MIXTURE, x0, [0.7], n_pairs=n_pairs, seed=seed, centre=x0.mean(0), show=False).isel(
            sigma=0, alpha_squared=0
        ),
        "linearity", "nonlinearity",
    )  # fmt: skip


@case("linearity", "30,000 pairs of the same data", lambda: true(linear(30_000, 0)), repeats=300)
def linearity_of_pairs(seed):
    return linear(100, seed)


REFERENCE = torch.as_tensor(generator(0, "training images").standard_normal((40, DIM)))


def copied(n, seed):
    """Samples of which a third are training images with a little noise."""
    rng = generator(seed, "samples")
    fresh, noise = rng.standard_normal((2, n, DIM))
    copies = REFERENCE.numpy()[rng.integers(40, size=n)] + 0.02 * noise
    samples = torch.as_tensor(np.where(rng.random((n, 1)) < 1 / 3, copies, fresh))
    found = memorisation(samples, REFERENCE, features=lambda x: x, threshold=0.95).isel(set=0)
    return pick(found, "memorised", "nearest_distance", "generalisation_distance", "generalisation_score")


@case("memorisation", f"{LONG:,} samples", lambda: true(copied(LONG, 0)))
def memorisation_of_samples(seed):
    return copied(120, seed)


def paired(n, seed):
    """Samples of two models from one noise."""
    first, noise = generator(seed, "paired samples").standard_normal((2, n, DIM))
    models = {"one": torch.as_tensor(0.5 * first), "two": torch.as_tensor(0.4 * first + 0.3 * noise)}
    found = pairwise_reproducibility(models, centre=torch.zeros(DIM), grey_values=40).sel(model="one", other="two")
    return pick(found, "rp", "mae", "cosine", "rmse", "rp_chance", "cosine_chance")


@case("pairwise_reproducibility", f"{LONG:,} pairs of samples", lambda: true(paired(LONG, 0)))
def reproducibility_of_pairs(seed):
    return paired(100, seed)


@case(
    "pairwise_reproducibility, centre of the samples",
    f"{LONG:,} pairs of samples",
    lambda: {name: true(paired(LONG, 0))[name] for name in ("rp", "cosine", "cosine_chance")},
)
def reproducibility_about_the_mean(seed):
    first, noise = generator(seed, "paired samples").standard_normal((2, 100, DIM))
    models = {"one": torch.as_tensor(0.5 * first), "two": torch.as_tensor(0.4 * first + 0.3 * noise)}
    found = pairwise_reproducibility(models).sel(model="one", other="two")
    return pick(found, "rp", "cosine", "cosine_chance")


def ranged(n, seed):
    x0 = points(seed, n)
    probed = probed_range(ROUND, x0, [0.7], n_images=n, seed=seed).isel(sigma=0)
    return pick(probed, "to_identity", "to_mean")


@case("probed_range", f"{LONG:,} images", lambda: true(ranged(LONG, 0)))
def probed_range_of_images(seed):
    return ranged(100, seed)


def handed(n, seed):
    found = handover(MIXTURE, points(seed, n), training=TRAINED_ON, sigmas=[0.7], n_images=n, seed=seed).levels
    return pick(found.isel(sigma=0), "network_error", "gaussian_error")


@case("handover", f"{LONG:,} images", lambda: true(handed(LONG, 0)), repeats=300)
def handover_of_images(seed):
    return handed(60, seed)


def distilled(n_noise, seed):
    found = distill_linear(MIXTURE, TRAINED_ON[:60], [0.7], n_noise=n_noise, seed=seed, show=False)
    return found.isel(sigma=0, model=0, inputs=0)


@case(
    "distill_linear",
    "4,000 noise draws of the same points",
    lambda: {
        "weight_distance": float(distilled(4000, 0).weight_distance),
        "gain of mode 1": float(distilled(4000, 0).gain[0]),
    },
    repeats=300,
)
def distillation(seed):
    found = distilled(24, seed)
    return {**pick(found, "weight_distance"), "gain of mode 1": pick(found.isel(mode=0), "gain")["gain"]}


def dimensions(n, seed, n_probes=2):
    found = local_dimension(
        MIXTURE, points(seed, n), [0.7], population=TRAINED_ON, n_probes=n_probes, seed=seed, batch_size=n, show=False
    )
    return pick(found.isel(sigma=0), "mean_dimension", "noised_dimension", "error_dimension")


@case("local_dimension over images", "20,000 images", lambda: true(dimensions(20_000, 0, 4)), repeats=300)
def local_dimension_of_images(seed):
    return dimensions(60, seed)


TURNED = torch.linalg.qr(torch.as_tensor(generator(0, "rotation").standard_normal((40, 40))))[0]
LARGE = GaussianDenoiser(torch.zeros(40).double(), TURNED @ torch.diag(torch.logspace(1, -1, 40).double()) @ TURNED.T)


def probed(n_probes, seed):
    x0 = torch.zeros(2, 40).double()
    x0[1] = 1
    found = local_dimension(LARGE, x0, [0.7], population=LARGE.sample(50, 0), n_probes=n_probes, seed=seed, show=False)
    return pick(found.isel(sigma=0, image=1), "dimension")


@case("local_dimension over probes", "as many probes as dimensions: exact", lambda: true(probed(40, 0)), repeats=300)
def local_dimension_of_probes(seed):
    return probed(24, seed)


MANY = points(0, 4000)


def flows(n_draws, seed):
    found = flow_target(ROUND, MANY, [0.7], n_draws=n_draws, seed=seed, show=False)
    return pick(found.isel(sigma=0), "ratio", "energy_ratio", "gap", "loss")


@case("flow_target", f"{LONG:,} pairs of the same data", lambda: true(flows(LONG, 0)))
def flow_target_of_pairs(seed):
    return flows(100, seed)


SPECTRUM = np.array([9.0, 3.0, 1.0, 0.3])


@case(
    "schedule_errors",
    "exact, from the covariance",
    lambda: {"error": float(schedule_errors(np.diag(SPECTRUM), 5).error.sel(schedule="karras"))},
    repeats=300,
)
def schedule_errors_of_data(seed):
    data = generator(seed, "schedule data").standard_normal((1000, 4)) * np.sqrt(SPECTRUM)
    return pick(schedule_errors(data, 5), "error", schedule="karras")


def gains(n, seed):
    found = schedule_gain(
        MIXTURE, WIDE, (5,), schedules=("trailing",), n=n, fine_steps=20, seed=seed, dtype=torch.float64, show=False
    )
    one = found.isel(steps=0).sel(schedule="trailing")
    return {**pick(one, "distance", "gaussian", "ratio"), **pick(found, "chance", "floor")}


@case(
    "schedule_gain",
    "30,000 samples",
    lambda: true(gains(30_000, 0)),
    repeats=300,
    explained={"chance": Explained(0.86, 0.98, "neighbouring pairs share a sample, which the error does not count")},
)
def schedule_gain_of_samples(seed):
    return gains(64, seed)


CANVAS = BumpCanvas(9)


@case(
    "fit_centres",
    "where the bump was put",
    lambda: {"x": 4.3, "y": 5.1},
)
def centres_of_noisy_bumps(seed):
    picture = bump_images([[4.3, 5.1]], CANVAS)
    noisy = picture + 0.02 * generator(seed, "picture noise").standard_normal(picture.shape)
    fit = fit_centres(noisy, CANVAS)
    return {name: (float(fit.centres[0, i]), float(fit.stderr[0, i])) for i, name in enumerate("xy")}


GRAMMAR = Grammar.random(v=3, m=2, s=2, depth=2, seed=1)


def strings(n, seed):
    found = hierarchy_track(FilteredDenoiser(GRAMMAR, 2), GRAMMAR, [0.6], n=n, n_steps=6, seed=seed, show=False)
    here = found.isel(sigma=0)
    leaves = here.isel(level=0)
    return {
        **pick(here, "total_variation", "score_error"),
        **pick(leaves, "reconstruction", "reconstruction_exact"),
        **{f"class: {name}": pair for name, pair in pick(here.isel(level=-1), "valid").items()},
        **pick(here.isel(level=1), "generated_valid", "generated_rule"),
    }


@case("hierarchy_track", "20,000 strings", lambda: true(strings(20_000, 0)), repeats=300)
def hierarchy_of_strings(seed):
    return strings(60, seed)
