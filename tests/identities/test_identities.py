"""The identities hold for every closed form, each checker fails where it must, and the statements are true."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from idealscore.theory import (
    EmpiricalDenoiser,
    GaussianDenoiser,
    Grammar,
    HierarchicalDenoiser,
    LocalDenoiser,
    MixtureDenoiser,
)
from idealscore.theory.identities import IDENTITIES, Symmetry, assert_identities, check, on_prior
from idealscore.theory.identities.averages import AVERAGE
from idealscore.theory.identities.pointwise import LOCAL
from idealscore.theory.identities.symbols import normal, sigma, x, y
from idealscore.theory.identities.with_density import DENSITY

EXACT = [identity.name for identity in (*LOCAL, *DENSITY)]
AVERAGED = [identity.name for identity in AVERAGE]
MEANS = torch.tensor([[2.0, 0.4], [-1.0, 0.7], [0.0, -1.5]], dtype=torch.float64)
TRUE = MixtureDenoiser([0.3, 0.3, 0.4], MEANS, [0.2, 0.2, 0.05])
PRIOR = cache(TRUE.sample)
LEVEL = 0.8


# --- every closed form, random priors, points and noise levels --------------------------------------------------

worlds = st.tuples(
    st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 6), st.floats(-1.0, 1.5), st.floats(-10.0, 10.0)
)


def world(seed, dim, n, log_level, offset):
    """Cloud `(n, dim)` with some spread around an offset, a noise level next to it, and noisy points."""
    rng = np.random.default_rng(seed)
    data = torch.from_numpy(rng.standard_normal((n, dim)) * rng.uniform(0.2, 3.0) + offset)
    spread = float(data.std(0, correction=0).norm()) or 1.0
    level = 10**log_level * spread
    points = data[rng.integers(0, n, 2)] + level * torch.from_numpy(rng.standard_normal((2, dim)))
    return rng, data, spread, level, points


def assert_exact(denoiser, points, level):
    report = check(denoiser, points, level, log_density=denoiser.log_density, identities=EXACT, n_probes=2)
    assert not report.broken, "\n".join(map(str, report.broken))
    assert all(
        f.verdict == "holds" for f in report if f.identity not in ("equivariance", "symmetry", "curl_free", "tower")
    )


def empirical(drawn):
    _, data, _, level, points = world(*drawn)
    assert_exact(EmpiricalDenoiser(data), points, level)


def gaussian(drawn):
    rng, data, _, level, points = world(*drawn)
    factor = torch.from_numpy(rng.standard_normal((data.shape[1], rng.integers(1, data.shape[1] + 1))))
    assert_exact(GaussianDenoiser(data[0], factor @ factor.T), points, level)


def mixture(drawn):
    rng, data, spread, level, points = world(*drawn)
    weights, variances = rng.dirichlet(np.ones(len(data))), rng.uniform(0, 1, len(data)) * spread
    assert_exact(MixtureDenoiser(weights, data, variances), points, level)


@pytest.mark.parametrize("examples", [2, pytest.param(12, marks=pytest.mark.slow)])
@pytest.mark.parametrize("exact", [empirical, gaussian, mixture], ids=lambda exact: exact.__name__)
def test_identities_of_random_worlds(exact, examples):
    settings(max_examples=examples)(given(worlds)(exact))()


@settings(max_examples=4)
@given(st.integers(0, 2**31), st.floats(-0.7, 1.0))
def test_hierarchical_denoiser(seed, log_level):
    denoiser = HierarchicalDenoiser(Grammar.random(3, 2, 2, 2, seed=seed))
    level = 10**log_level
    points = torch.from_numpy(np.random.default_rng(seed).standard_normal((2, 4, 3))) * level
    assert_exact(denoiser, points, level)


@settings(max_examples=4)
@given(st.integers(0, 2**31), st.floats(-0.7, 1.0), st.booleans())
def test_local_denoiser(seed, log_level, equivariant):
    """Optimal among windows only: no posterior mean, so it owes its limits, its derivative and its symmetry."""
    rng = np.random.default_rng(seed)
    data = torch.from_numpy(rng.standard_normal((3, 1, 4, 4)))
    report = check(
        LocalDenoiser(data, 3, equivariant=equivariant, padding="circular"),
        torch.from_numpy(rng.standard_normal((2, 1, 4, 4))),
        10**log_level,
        prior=lambda n, seed: data[np.arange(n) % 3],
        symmetries=[Symmetry.translation((1, 2), (2, 3))] if equivariant else [],
        identities=["derivative", "low_noise_limit", "high_noise_limit", "equivariance"],
        n_probes=2,
    )
    assert not report.broken, str(report)


def test_averages_hold_for_closed_forms():
    data = MixtureDenoiser([0.5, 0.5], MEANS[:2], [0.5, 0.1]).sample(7, 3)

    def resampled(n, seed):
        return data[np.random.default_rng(seed).integers(0, len(data), n)]

    normal_prior = GaussianDenoiser([1.0, -2.0, 0.5], np.diag([3.0, 0.5, 0.0]))
    for denoiser, prior, shape in (
        (TRUE, PRIOR, (2,)),
        (EmpiricalDenoiser(data), resampled, (2,)),
        (normal_prior, normal_prior.sample, (3,)),
    ):
        report = assert_identities(
            denoiser, shape, [0.3, 2.0], prior=prior, log_density=denoiser.log_density, identities=AVERAGED
        )
        assert {f.verdict for f in report} == {"holds"}
        assert max(f.stderr for f in report) > 0


def test_symmetries_of_priors():
    square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    quarter_turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    symmetries = [
        Symmetry.permutation([1, 0]),
        Symmetry.rotation(quarter_turn),
        Symmetry.reflection(1),
        Symmetry.scaling(-1.0),
    ]
    x = torch.tensor([[0.3, 1.2], [-0.4, 0.9]], dtype=torch.float64)
    assert not check(EmpiricalDenoiser(square), x, 0.7, symmetries=symmetries, identities=["equivariance"]).broken
    free = lambda x, s: x / 2 + 0 * torch.as_tensor(s).reshape(-1, 1)  # noqa: E731 - scale-free, sigma cancels
    scale_free = lambda x, s: free(x, s) * torch.tanh(x.norm(dim=1) / torch.as_tensor(s, dtype=x.dtype))[:, None]  # noqa: E731
    assert not check(scale_free, x, 0.7, symmetries=[Symmetry.scaling(2.5)], identities=["equivariance"]).broken
    broken = check(TRUE, x, 0.7, symmetries=[Symmetry.scaling(2.5)], identities=["equivariance"]).broken
    assert broken and broken[0].identity == "equivariance"


# --- negative controls: each checker fails on a denoiser (or density) made to break it, and the others do not ------


def turned(x):
    return torch.stack([-x[:, 1], x[:, 0]], dim=1)


def ghost(x):
    """Zero in value, the identity in the graph."""
    return x - x.detach()


WIENER = GaussianDenoiser(
    (TRUE.log_weights.exp()[:, None] * MEANS).sum(0),
    torch.cov(MEANS.T, correction=0, aweights=TRUE.log_weights.exp())
    + torch.eye(2) * float(TRUE.log_weights.exp() @ torch.tensor([0.2, 0.2, 0.05], dtype=torch.float64)),
)
CENTRE = WIENER.mean
SKEWED = MixtureDenoiser([0.85, 0.15], [[0.0, 0.0], [3.0, 1.0]], [0.02, 0.02])
SKEWED_PRIOR = cache(SKEWED.sample)
SKEWED_WIENER = GaussianDenoiser([0.45, 0.15], 0.02 * np.eye(2) + 0.85 * 0.15 * np.outer([3.0, 1.0], [3.0, 1.0]))


def tampered(**change):
    return {"denoiser": TRUE, "prior": PRIOR, "log_density": TRUE.log_density, **change}


def values_kept(x, sigma):
    return TRUE(x, sigma) - 0.3 * ghost(x)


def right_at_one_level(x, sigma):
    return TRUE(x, torch.as_tensor(sigma, dtype=x.dtype) ** 2 / LEVEL)


def off_in_density(x, sigma):
    return TRUE.log_density(x, sigma) + torch.as_tensor(sigma, dtype=x.dtype).log()


LOCAL_EQUATIONS = {"derivative", "symmetry", "positivity", "curl_free", "denoiser_equation"}
VALUES = {"tweedie", "path_integral", "tower", "mean", "nishimori", "orthogonality", "martingale", "optimality"}

CONTROLS = {
    "derivative": (tampered(denoiser=values_kept), VALUES | {"symmetry", "curl_free", "score_matching", "i_mmse"}),
    "symmetry": (
        tampered(denoiser=lambda x, s: TRUE(x, s) + 0.3 * turned(ghost(x))),
        VALUES | {"positivity", "curl_free", "tweedie_second_order", "posterior_variance", "heat_equation"},
    ),
    "positivity": (tampered(denoiser=lambda x, s: TRUE(x, s) - 2 * ghost(x)), VALUES | {"symmetry", "curl_free"}),
    "curl_free": (
        tampered(denoiser=lambda x, s: TRUE(x, s) + 0.05 * turned(x.detach())),
        {"symmetry", "positivity", "tweedie_second_order", "tweedie_third_order"},
    ),
    "equivariance": (
        tampered(symmetries=[Symmetry.reflection(1)]),
        LOCAL_EQUATIONS | VALUES | {"low_noise_limit", "high_noise_limit", "i_mmse"},
    ),
    "low_noise_limit": (
        tampered(denoiser=lambda x, s: TRUE(x, torch.as_tensor(s, dtype=x.dtype).clamp(min=0.5))),
        LOCAL_EQUATIONS | VALUES | {"high_noise_limit", "probability_flow", "i_mmse"},
    ),
    "high_noise_limit": (
        tampered(denoiser=lambda x, s: TRUE(x, torch.as_tensor(s, dtype=x.dtype).clamp(max=4.0))),
        LOCAL_EQUATIONS | VALUES | {"low_noise_limit", "probability_flow", "i_mmse"},
    ),
    "denoiser_equation": (
        tampered(denoiser=right_at_one_level),
        {"symmetry", "curl_free", "tweedie", "tweedie_second_order", "heat_equation", "path_integral", "nishimori"},
    ),
    "tweedie": (
        tampered(denoiser=lambda x, s: TRUE(x, s) + 0.01),
        {"derivative", "symmetry", "positivity", "curl_free", "tweedie_second_order", "tweedie_third_order"},
    ),
    "tweedie_second_order": (tampered(denoiser=values_kept), {"tweedie", "tweedie_third_order", "path_integral"}),
    "tweedie_third_order": (
        tampered(denoiser=lambda x, s: TRUE(x, s) + 0.2 * ghost(x) ** 2),
        VALUES | {"derivative", "symmetry", "tweedie_second_order", "heat_equation", "posterior_variance"},
    ),
    "path_integral": (
        tampered(log_density=lambda x, s: TRUE.log_density(x, s) + 0.1 * x.detach().square().sum(1)),
        {"tweedie", "tweedie_second_order", "tweedie_third_order", "heat_equation"},
    ),
    "heat_equation": (
        tampered(log_density=off_in_density),
        {"tweedie", "tweedie_second_order", "tweedie_third_order", "path_integral", "tower"},
    ),
    "probability_flow": (
        tampered(denoiser=right_at_one_level),
        {"tweedie", "tweedie_second_order", "heat_equation", "path_integral"},
    ),
    "tower": (
        tampered(denoiser=right_at_one_level),
        {"tweedie", "tweedie_second_order", "heat_equation", "path_integral", "mean", "orthogonality"},
    ),
    "mean": (
        tampered(denoiser=lambda x, s: TRUE(x - 0.3, s) + 0.3),
        LOCAL_EQUATIONS | {"high_noise_limit"},
    ),
    "nishimori": (
        tampered(denoiser=GaussianDenoiser(CENTRE, 1.4 * WIENER.covariance.dense())),
        LOCAL_EQUATIONS | {"mean", "high_noise_limit"},
    ),
    "orthogonality": (
        tampered(denoiser=SKEWED_WIENER, prior=SKEWED_PRIOR),
        LOCAL_EQUATIONS | {"mean", "nishimori", "posterior_variance", "score_matching"},
    ),
    "posterior_variance": (tampered(denoiser=values_kept), {"mean", "nishimori", "orthogonality", "third_cumulant"}),
    "third_cumulant": (
        tampered(denoiser=SKEWED_WIENER, prior=SKEWED_PRIOR),
        {"mean", "nishimori", "posterior_variance", "score_matching"},
    ),
    "martingale": (
        tampered(denoiser=right_at_one_level),
        {"mean", "nishimori", "orthogonality", "posterior_variance", "third_cumulant", "score_matching"},
    ),
    "mmse_slope": (
        tampered(denoiser=lambda x, s: TRUE(x, s) + 0.5 * turned(ghost(x))),
        VALUES | {"posterior_variance", "score_matching", "i_mmse"},
    ),
    "score_matching": (
        tampered(denoiser=lambda x, s: CENTRE + 0.9 * (TRUE(x, s) - CENTRE)),
        {"derivative", "symmetry", "positivity", "curl_free", "mean"},
    ),
    "i_mmse": (
        tampered(log_density=off_in_density),
        {"tweedie", "path_integral", *AVERAGED} - {"i_mmse"},
    ),
    "flow_target": (
        tampered(denoiser=lambda x, s: CENTRE + 1.15 * (TRUE(x, s) - CENTRE)),
        {"derivative", "symmetry", "positivity", "curl_free", "mean"},
    ),
    "optimality": (
        tampered(denoiser=lambda x, s: CENTRE + 0.9 * (TRUE(x, s) - CENTRE)),
        {"derivative", "symmetry", "positivity", "curl_free", "mean"},
    ),
}


def test_every_identity_has_a_control():
    assert set(CONTROLS) == set(IDENTITIES)


@pytest.mark.parametrize("name", CONTROLS)
@pytest.mark.sampled(0.33)
def test_checker_fails_on_its_control_and_others_hold(name):
    arguments, holding = CONTROLS[name]
    arguments = dict(arguments)
    denoiser = arguments.pop("denoiser")
    points = PRIOR(4, 1) + LEVEL * torch.from_numpy(np.random.default_rng(2).standard_normal((4, 2)))
    report = check(
        denoiser,
        points,
        LEVEL,
        identities=[name, *sorted(holding)],
        n_samples=8192 if SKEWED_PRIOR in arguments.values() else 2048,
        **arguments,
    )
    assert {f.identity for f in report.broken} == {name}, str(report)
    assert all(f.verdict == "holds" for f in report if f.identity != name), str(report)
    honest = {"prior": PRIOR, "log_density": TRUE.log_density}
    if name != "equivariance":
        assert check(TRUE, points, LEVEL, identities=[name], n_samples=2048, **honest).findings[0].verdict == "holds"


# --- the symbolic statements ----------------------------------------------------------------------------------

VARIANCE = sp.Rational(3, 2)
NORMAL_PRIOR = {
    "density": normal(y - 1, VARIANCE),
    "noised": normal(x - 1, VARIANCE + sigma**2),
    "denoised": 1 + VARIANCE / (VARIANCE + sigma**2) * (x - 1),
}
ONE_DIMENSIONAL = [
    name
    for name in IDENTITIES
    if name
    not in (
        "derivative",
        "symmetry",
        "curl_free",
        "equivariance",
        "probability_flow",
        "optimality",
        "martingale",
        "orthogonality",
    )
]


def difference_on_normal_prior(name, **wrong):
    statement: Any = on_prior(IDENTITIES[name].statement(), **{**NORMAL_PRIOR, **wrong})
    at: dict[Any, Any] = {
        x: sp.Rational(7, 10),
        sigma: sp.Rational(4, 5),
        sp.Symbol("tau", positive=True): sp.Rational(1, 2),
    }
    at |= {sp.Symbol("a", real=True): 0, sp.Symbol("b", real=True): 1}
    if isinstance(statement, sp.GreaterThan):
        return 0.0 if bool(statement.doit().subs(at)) else 1.0
    difference = (statement.lhs - statement.rhs).replace(
        lambda e: isinstance(e, (sp.Derivative, sp.Limit)), lambda e: e.doit(integrals=False)
    )
    return abs(float(difference.subs(at).replace(sp.Integral, by_quadrature)))


def by_quadrature(integrand, *limits):
    """Gauss-Legendre with 240 nodes per variable, twelve standing for infinity."""
    nodes, weights = np.polynomial.legendre.leggauss(240)
    ends = [[float(12 * sp.sign(end) if end.is_infinite else end) for end in over[1:]] for over in limits]
    axes = [(high + low) / 2 + (high - low) / 2 * nodes for low, high in ends]
    grid = np.meshgrid(*axes, indexing="ij", sparse=True)
    total = sp.lambdify([over[0] for over in limits], integrand, "numpy")(*grid)
    total = np.broadcast_to(total, [len(nodes)] * len(ends))
    for low, high in reversed(ends):
        total = total @ weights * (high - low) / 2
    return sp.Float(float(total))


@pytest.mark.parametrize("name", ONE_DIMENSIONAL)
def test_statement_is_true_of_a_normal_prior(name):
    assert difference_on_normal_prior(name) < 1e-6


@pytest.mark.parametrize("name", sorted({*ONE_DIMENSIONAL} - {"low_noise_limit"}))
def test_statement_is_false_of_a_wrong_denoiser(name):
    wrong = 2 + (x - 1) ** 2 * VARIANCE / (1 + sigma**2)
    assert difference_on_normal_prior(name, denoised=wrong) > 1e-3


@pytest.mark.parametrize("name", IDENTITIES)
def test_entry_is_complete(name):
    identity = IDENTITIES[name]
    assert identity.name == name
    assert identity.latex()
    assert identity.summary and identity.conditions and identity.cause and identity.reference
