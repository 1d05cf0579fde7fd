"""Small known cases of simulations: percolation, the random hierarchy, random features."""

from repeats import case, pick

from idealscore.simulate.concepts import concept_percolation
from idealscore.simulate.hierarchy import forward_backward, level_profile
from idealscore.simulate.percolation import critical_exponents, estimate_threshold, finite_size_scaling, sweep
from idealscore.simulate.random_features import gradient_flow
from idealscore.theory import Grammar

SIZES = (8, 16)


def bonds(n_runs, seed, size=16, quantities=("largest", "mean_size", "wrapping")):
    return sweep("square", "bond", size, n_runs, seed, quantities=quantities)


def at_threshold(n_runs, seed):
    found = bonds(n_runs, seed).canonical(0.5).isel(p=0)
    return pick(found, "largest", "mean_size", "wrapping_horizontal", "wrapping_both")


@case(
    "Sweep.canonical",
    "40,000 runs",
    lambda: {name: value for name, (value, _) in at_threshold(40_000, 0).items()},
)
def percolation_curves(seed):
    return at_threshold(100, seed)


def by_number(n_runs, seed):
    found = bonds(n_runs, seed).n
    here = found.isel(n=found.sizes["n"] // 2)
    return pick(here, "largest", "wrapping_either")


@case(
    "Sweep.n",
    "40,000 runs",
    lambda: {name: value for name, (value, _) in by_number(40_000, 0).items()},
)
def percolation_by_number(seed):
    return by_number(100, seed)


def thresholds(n_runs, seed):
    exact = estimate_threshold(bonds(n_runs, seed, quantities=("wrapping",)))
    return {"one size": (exact.value, exact.stderr)}


@case(
    "estimate_threshold, one size",
    "40,000 runs",
    lambda: {name: value for name, (value, _) in thresholds(40_000, 0).items()},
)
def percolation_threshold(seed):
    return thresholds(200, seed)


def several(n_runs, seed):
    """The statistics of what sizes 8 and 16 give, drift of finite size included."""
    sweeps = [bonds(n_runs, seed, size) for size in SIZES]
    fits = critical_exponents(sweeps, 0.5)
    largest = finite_size_scaling(sweeps, "largest", guess=(0.5, 0.75, -5 / 48), degree=4, points=11)
    wrapping = finite_size_scaling(sweeps, "wrapping_horizontal", guess=(0.5, 0.75, 0.0), degree=4, points=11)
    two = estimate_threshold(sweeps)
    return {
        "threshold, two sizes": (two.value, two.stderr),
        **{f"critical_exponents, {name}": (fits[name].value, fits[name].stderr) for name in fits},
        **{f"data collapse, {name}": pair for name, pair in pick(largest, "threshold", "one_over_nu", "kappa").items()},
        **{f"collapse of wrapping, {name}": p for name, p in pick(wrapping, "threshold", "one_over_nu").items()},
    }


@case(
    "estimate_threshold, critical_exponents, finite_size_scaling",
    "40,000 runs of the same sizes",
    lambda: {name: value for name, (value, _) in several(40_000, 0).items()},
    repeats=300,
)
def exponents_of_two_sizes(seed):
    return several(400, seed)


def concepts(n_runs, seed):
    return pick(concept_percolation(40, 20, [0.05], n_runs, seed), "entities", "properties", p=0.05)


@case(
    "concept_percolation",
    "20,000 matrices",
    lambda: {name: value for name, (value, _) in concepts(20_000, 0).items()},
    repeats=300,
)
def concept_matrices(seed):
    return concepts(40, seed)


GRAMMAR = Grammar.random(v=4, m=2, s=2, depth=3, seed=1)


def round_trips(n_data, seed):
    found = forward_backward(GRAMMAR, "masking", [0.6], n_data=n_data, n_trajectories=4, seed=seed).isel(noise=0)
    classes, chi = pick(found.isel(level=-1), "changed"), pick(found, "chi")
    leaves = pick(found.isel(level=0), "changed", "correlation")
    return {
        "changed, leaves": leaves["changed"],
        "changed, class": classes["changed"],
        "correlation, leaves": leaves["correlation"],
        "chi": chi["chi"],
    }


@case(
    "forward_backward of a hierarchy",
    "20,000 strings",
    lambda: {name: value for name, (value, _) in round_trips(20_000, 0).items()},
    repeats=300,
)
def hierarchy_round_trips(seed):
    return round_trips(60, seed)


def profiles(n_grammars, seed):
    found = level_profile(4, 2, 2, 2, "masking", [0.5], n_grammars=n_grammars, n_data=4, seed=seed)
    return pick(found.isel(noise=0, level=-1), "marginal", "upward", "purity", "excess")


@case(
    "level_profile",
    "5,000 grammars",
    lambda: {name: value for name, (value, _) in profiles(5000, 0).items()},
    repeats=300,
)
def hierarchy_profiles(seed):
    return profiles(24, seed)


def flows(repeats, seed):
    found = gradient_flow(10, 30, [10.0, 1e3], spectrum=[1.0] * 6, noise=0.5, draws=500, repeats=repeats, seed=seed)
    return pick(found.isel(tau=1), "train", "test", "gap", "null_gap")


@case(
    "gradient_flow",
    "5,000 models",
    lambda: {name: value for name, (value, _) in flows(5000, 0).items()},
    repeats=300,
)
def random_features(seed):
    return flows(24, seed)
