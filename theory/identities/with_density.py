"""Identities between a denoiser and the log density of the noised data [@Efron2011; @Miyasawa1961; @Meng2021]."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import torch

from .case import DENSE_DIM, Case
from .derivatives import along, dot, gradient, norm, slope_in
from .identity import Measurement, identity
from .pointwise import directional_stack, divergence, per_direction

PATH_NODES, PATH_LENGTH = 32, 0.5
FLOW_RATIO, FLOW_POINTS = 1.1, 2
TOWER_RATIO, TOWER_NODES, TOWER_DIM = 1.1, (96, 40, 24), 3


def exact_score(case: Case, x: torch.Tensor | None = None, sigma: float | None = None) -> torch.Tensor:
    """grad log p from the log density: by its graph, else by differences along the coordinates."""
    x = case.x if x is None else x
    slope = gradient(case.log_p(sigma), x)
    if slope is not None:
        return slope
    step = case.step * (sigma or case.sigma) / case.sigma
    basis = torch.eye(case.dim, dtype=x.dtype, device=x.device).reshape(-1, *x.shape[1:])
    columns = [along(case.log_p(sigma), x, e.expand_as(x), 1, step)[0] for e in basis]
    return torch.stack(columns, dim=1).reshape(x.shape)


@identity(
    "D = x + sigma^2 grad log p: the posterior mean from the score",
    statement=lambda s: s.Eq(s.Dx, s.x + s.sigma**2 * s.Derivative(s.log(s.px), s.x)),
    conditions="any prior",
    reference="Efron2011",
    cause="a factor two in the kernel width, a score divided by sigma instead of sigma^2, "
    "a clock not rescaled, a clamp",
    needs=("log_density",),
)
def tweedie(case: Case) -> Measurement:
    expected = case.x + case.sigma**2 * exact_score(case)
    return Measurement.exact(norm(case.denoised - expected), norm(case.denoised) + norm(case.x))


@identity(
    "Cov[x0 | x] = sigma^2 J = sigma^2 (I + sigma^2 Hessian of log p)",
    statement=lambda s: s.Eq(s.cumulant(2), s.sigma**2 * s.Derivative(s.Dx, s.x)),
    conditions="any prior",
    reference="Meng2021",
    cause="a factor in the covariance, a detached mean, or the wrong power of sigma",
    needs=("log_density",),
)
def tweedie_second_order(case: Case) -> Measurement:
    """Quadratic forms of Cov = sigma^2 J, in units of sigma^2."""
    violations, scales = [], []
    for u in case.probes("second-order"):
        gain = along(case.projected(u), case.x, u, 1, case.step)[0]
        curvature = along(case.log_p(), case.x, u, 2, case.step)[1]
        violations.append(gain - 1 - case.sigma**2 * curvature)
        scales.append(1 + gain.abs())
    return Measurement.exact(torch.stack(violations), torch.stack(scales))


@identity(
    "the third cumulant of x0 given x is sigma^4 times the second derivative of D",
    statement=lambda s: s.Eq(s.cumulant(3), s.sigma**4 * s.Derivative(s.Dx, s.x, 2)),
    conditions="a denoiser twice differentiable in x",
    reference="Meng2021",
    cause="a Gaussian shortcut (a linear denoiser has no third cumulant), or a detached tensor",
    needs=("log_density",),
)
def tweedie_third_order(case: Case) -> Measurement:
    """kappa_3(u, u, u) / sigma^3 = sigma u . d^2 D(u, u) = sigma^3 d^3 log p(u, u, u)."""
    violations, scales = [], []
    for u in case.probes("third-order"):
        slope, bend = along(case.projected(u), case.x, u, 2, case.step)
        cumulant = along(case.log_p(), case.x, u, 3, case.step)[2]
        violations.append(case.sigma * bend - case.sigma**3 * cumulant)
        scales.append(1 + slope.abs() + case.sigma * bend.abs())
    return Measurement.exact(torch.stack(violations), torch.stack(scales))


@identity(
    "log p differs between two points by the work of the score on the way",
    statement=lambda s: s.Eq(
        s.log(s.p(s.end, s.sigma)) - s.log(s.p(s.start, s.sigma)),
        s.Integral((s.Dx - s.x) / s.sigma**2, (s.x, s.start, s.end)),
    ),
    conditions="any prior",
    reference="Song2021b",
    cause="score and density that belong to different noise levels or priors",
    needs=("log_density",),
)
def path_integral(case: Case) -> Measurement:
    nodes, weights = np.polynomial.legendre.leggauss(PATH_NODES)
    leg = PATH_LENGTH * case.sigma * case.directions("path")
    work = torch.zeros_like(dot(leg, leg))
    size = torch.zeros_like(work)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        at = case.x + float(node) * leg
        gain = dot((case.denoise(at) - at) / case.sigma**2, leg)
        work, size = work + float(weight) * gain, size + float(weight) * gain.abs()
    with torch.no_grad():
        start, end = case.log_p()(case.x), case.log_p()(case.x + leg)
    return Measurement.exact(work - (end - start), 1 + size + start.abs() + end.abs())


@identity(
    "d log p / d sigma = (tr J - d + |D - x|^2 / sigma^2) / sigma",
    statement=lambda s: s.Eq(
        s.Derivative(s.log(s.px), s.sigma),
        (s.Derivative(s.Dx, s.x) - 1 + (s.Dx - s.x) ** 2 / s.sigma**2) / s.sigma,
    ),
    conditions="any prior",
    reference="Song2021b",
    cause="a density whose normalisation forgets sigma, or a schedule off by one step",
    needs=("log_density",),
)
def heat_equation(case: Case) -> Measurement:
    def level(sigma: float) -> torch.Tensor:
        with torch.no_grad():
            return case.log_p(sigma)(case.x)

    rate = case.sigma * slope_in(level, case.sigma, case.step)
    trace, error = divergence(case, case.x, case.sigma)
    pull = dot(case.denoised - case.x, case.denoised - case.x) / case.sigma**2
    rounding = torch.finfo(case.x.dtype).eps * level(case.sigma).abs() * case.sigma / case.step / case.tolerance
    scale = rate.abs() + trace.abs() + case.dim + pull + rounding
    return Measurement(rate - (trace - case.dim + pull), scale, error, max(case.n_probes - 1, 1))


@identity(
    "along dx/dsigma = (x - D) / sigma, log p falls by the integral of (d - tr J) / sigma",
    statement=lambda s: s.Eq(
        s.Derivative(s.log(s.p(s.path, s.sigma)), s.sigma),
        (s.Subs(s.Derivative(s.Dx, s.x), s.x, s.path) - 1) / s.sigma,
    ),
    conditions="any prior",
    reference="Song2021b",
    cause="the velocity of another clock, or the reverse SDE's drift (twice the score) taken for the flow's",
    needs=("log_density",),
)
def probability_flow(case: Case) -> Measurement:
    """log p changes along the flow by -integral of (d - tr J) / sigma; in units of log sigma the rate is tr J - d."""
    from scipy.integrate import solve_ivp

    x = case.x[:FLOW_POINTS]
    local = _restricted(case, x)
    full = case.dim <= DENSE_DIM
    columns = 1 if full else case.n_probes
    n, shape = len(x), x.shape

    def rate(log_sigma: float, state: np.ndarray) -> np.ndarray:
        sigma = math.exp(log_sigma)
        at = torch.as_tensor(state[: n * case.dim], dtype=x.dtype, device=x.device).reshape(shape)
        motion = at - local.denoise(at, sigma)
        volume = _traces(local, at, sigma) - case.dim
        return np.concatenate([t.double().cpu().numpy().ravel() for t in (motion, volume)])

    start = np.concatenate([x.double().cpu().numpy().ravel(), np.zeros(n * columns)])
    ends = math.log(case.sigma), math.log(FLOW_RATIO * case.sigma)
    accuracy = max(0.1 * case.tolerance, 1e-12)
    solved = solve_ivp(rate, ends, start, method="DOP853", rtol=accuracy, atol=accuracy * case.sigma)
    final = torch.as_tensor(solved.y[:, -1], dtype=torch.float64, device=x.device)
    arrived = final[: n * case.dim].reshape(shape).to(x)
    predicted = final[n * case.dim :].reshape(columns, n)
    with torch.no_grad():
        begin, end = local.log_p()(x).double(), local.log_p(FLOW_RATIO * case.sigma)(arrived).double()
    error = torch.zeros_like(begin) if full else predicted.std(0) / math.sqrt(columns)
    scale = 1 + begin.abs() + end.abs() + case.dim * math.log(FLOW_RATIO)
    return Measurement(predicted.mean(0) - (end - begin), scale, error, max(columns - 1, 1))


def _restricted(case: Case, x: torch.Tensor) -> Case:
    return replace(case, x=x)


def _traces(case: Case, x: torch.Tensor, sigma: float) -> torch.Tensor:
    """Estimates of tr J: one exact row `(1, batch)`, or one row per probe."""
    u, full = directional_stack(case, "flow")
    terms = per_direction(case, x, u, u, sigma, 1)
    return terms.sum(0, keepdim=True) if full else terms


@identity(
    "D at a later noise level is the average of D at an earlier one over the bridge between them",
    statement=lambda s: s.Eq(
        s.D(s.x, s.later) * s.p(s.x, s.later),
        s.Integral(s.D(s.z, s.sigma) * s.p(s.z, s.sigma) * s.normal(s.x - s.z, s.tau**2), (s.z, -s.oo, s.oo)),
    ),
    conditions="one to three dimensions",
    reference="Lai2023",
    cause="denoisers of different priors at different noise levels, or a schedule off by one step",
    needs=("log_density",),
)
def tower(case: Case) -> Measurement | None:
    """D(x, S) = E[D(x_s, s) | x] by Gauss-Hermite quadrature, with p(x_s | x) ~ p_s(x_s) N(x; x_s, S^2 - s^2)."""
    if case.dim > TOWER_DIM:
        return None
    late = TOWER_RATIO * case.sigma
    width = math.sqrt(late**2 - case.sigma**2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(TOWER_NODES[case.dim - 1])
    grid = torch.tensor(list(product(nodes, repeat=case.dim)), dtype=case.x.dtype, device=case.x.device)
    mass = torch.tensor([math.prod(w) for w in product(weights, repeat=case.dim)]).to(grid)
    target, total = case.denoise(case.x, late), []
    sizes = []
    for i in range(case.batch):
        earlier = case.x[i : i + 1] + width * grid.reshape(-1, *case.x.shape[1:])
        with torch.no_grad():
            log_ratio = case.log_p()(earlier) + (mass / mass.sum()).log()
        weight = torch.softmax(log_ratio, 0)
        values = case.denoise(earlier).flatten(1)
        total.append((weight[:, None] * values).sum(0))
        sizes.append((weight[:, None] * values.abs()).sum())
    average = torch.stack(total).reshape(target.shape)
    return Measurement.exact(norm(average - target), torch.stack(sizes) + norm(target) + norm(case.x))


DENSITY = (tweedie, tweedie_second_order, tweedie_third_order, path_integral, heat_equation, probability_flow, tower)
