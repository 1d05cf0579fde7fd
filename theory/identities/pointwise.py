"""Identities of a denoiser at a point, from the callable alone (and, for equivariance, a symmetry).

J = dD/dx is a posterior covariance over sigma^2 and so symmetric and positive semi-definite: D is the gradient of a
convex function [@Miyasawa1961; @Gribonval2011]. How D changes with sigma follows from the heat equation.
"""

from __future__ import annotations

import math

import torch

from ..._support.shapes import per_row
from .case import DENSE_DIM, Case
from .derivatives import along, automatic, dot, finite, gradient, norm, slope_in
from .identity import Measurement, identity

LOOP_NODES, LOOP_RADIUS = 64, 0.1
WIDE_LOOP_NODES, WIDE_DERIVATIVES = 16, 2
FAR, NEAR = 1e6, 1e-8


def _basis(case: Case) -> torch.Tensor:
    """The unit vectors `(dim, *event)`."""
    x = case.x
    return torch.eye(case.dim, dtype=x.dtype, device=x.device).reshape(-1, *x.shape[1:])


def per_direction(
    case: Case, x: torch.Tensor, w: torch.Tensor, u: torch.Tensor, sigma: float, order: int
) -> torch.Tensor:
    """<w, d^order D along u> for stacks `(k, batch, *event)` of w and u, as `(k, batch)`."""
    k, batch, event = u.shape[0], x.shape[0], x.shape[1:]
    flat = (t.expand(k, batch, *event).reshape(k * batch, *event) for t in (x, w, u))
    points, weights, vectors = flat
    step = case.step * sigma / case.sigma
    return along(case.projected(weights, sigma), points, vectors, order, step)[-1].reshape(k, batch)


def directional_stack(case: Case, purpose: str) -> tuple[torch.Tensor, bool]:
    """Vectors u `(k, batch or 1, *event)` with sum or mean of u u^T the identity; True where they are a full basis."""
    if case.dim <= DENSE_DIM:
        return _basis(case)[:, None], True
    root = math.sqrt(case.dim)
    return torch.stack([root * u for u in case.probes(purpose)]), False


def divergence(case: Case, x: torch.Tensor, sigma: float) -> tuple[torch.Tensor, torch.Tensor]:
    """tr J at `x` `(batch,)` with its standard error over probes (0 where the trace is exact)."""
    u, full = directional_stack(case, "trace")
    terms = per_direction(case, x, u, u, sigma, 1)
    if full:
        return terms.sum(0), torch.zeros_like(terms[0])
    return terms.mean(0), terms.std(0) / math.sqrt(terms.shape[0])


@identity(
    "the derivative that automatic differentiation returns is the derivative of the values",
    statement=lambda s: s.Eq(
        s.u * s.Derivative(s.Dx, s.x), s.Limit((s.D(s.x + s.h * s.u, s.sigma) - s.Dx) / s.h, s.h, 0)
    ),
    conditions="the denoiser keeps an autograd graph",
    reference="Kadkhodaie2024",
    cause="a detached tensor, `no_grad` or a round trip through NumPy on part of the way (a detached mean)",
)
def derivative(case: Case) -> Measurement | None:
    violations, scales = [], []
    for k, u in enumerate(case.probes("derivative")):
        if case.dim > DENSE_DIM and k == WIDE_DERIVATIVES:
            break
        w = case.directions(f"derivative-out-{k}")
        phi = case.projected(w)
        by_graph = automatic(phi, case.x, u, 1)
        if by_graph is None:
            return None
        by_difference = finite(phi, case.x, u, case.step)
        violations.append(by_graph[0] - by_difference)
        rounding = torch.finfo(case.x.dtype).eps * norm(case.denoised) / math.sqrt(case.dim) / case.step
        slope = gradient(phi, case.x)
        size = norm(slope) / math.sqrt(case.dim) if slope is not None else by_difference.abs()
        scales.append(torch.maximum(size, by_difference.abs()) + 16 * rounding / case.tolerance)
    return Measurement.exact(torch.stack(violations), torch.stack(scales))


def _row(case: Case, w: torch.Tensor) -> torch.Tensor | None:
    """J^T w `(batch, *event)`; None where the denoiser keeps no graph."""
    return gradient(case.projected(w), case.x)


@identity(
    "the Jacobian is symmetric, being a covariance over sigma^2",
    statement=lambda s: s.Eq(s.Derivative(s.D1(s.x, s.y, s.sigma), s.y), s.Derivative(s.D2(s.x, s.y, s.sigma), s.x)),
    conditions="two or more dimensions",
    reference="Kadkhodaie2024",
    cause="a network is not a gradient field; "
    "in a closed form, a transposed or one-sided matrix, or per-coordinate weights",
)
def symmetry(case: Case) -> Measurement | None:
    if case.dim == 1:
        return None
    violations, scales = [], []
    for k, u in enumerate(case.probes("symmetry")):
        v = case.directions(f"symmetry-other-{k}")
        rows = _row(case, u), _row(case, v)
        if rows[0] is not None and rows[1] is not None:
            left, right = dot(rows[0], v), dot(rows[1], u)
            size = (norm(rows[0]) + norm(rows[1])) / 2 / math.sqrt(case.dim)
        else:
            left = finite(case.projected(u), case.x, v, case.step)
            right = finite(case.projected(v), case.x, u, case.step)
            size = finite(case.projected(u), case.x, u, case.step).abs() / math.sqrt(case.dim) + left.abs()
        violations.append(left - right)
        scales.append(torch.maximum(size, (left.abs() + right.abs()) / 2))
    return Measurement.exact(torch.stack(violations), torch.stack(scales))


@identity(
    "the Jacobian is positive semi-definite and D monotone: D is the gradient of a convex function",
    statement=lambda s: s.Ge(s.Derivative(s.Dx, s.x), 0),
    conditions="any prior",
    reference="Gribonval2011",
    cause="the sign of the score, or a noise prediction handed over as a denoiser",
)
def positivity(case: Case) -> Measurement:
    violations, scales = [], []
    for u in case.probes("positivity"):
        quadratic = along(case.projected(u), case.x, u, 1, case.step)[0]
        violations.append(quadratic.clamp(max=0))
        scales.append(torch.ones_like(quadratic))
    gap, moved = case.x - case.x.roll(1, 0), case.denoised - case.denoised.roll(1, 0)
    if case.batch > 1:
        monotone = dot(gap, moved) / dot(gap, gap).clamp(min=torch.finfo(gap.dtype).tiny)
        violations.append(monotone.clamp(max=0))
        scales.append(torch.ones_like(monotone))
    return Measurement.exact(torch.stack(violations), torch.stack(scales))


@identity(
    "the score does no work along a closed loop",
    statement=lambda s: s.Eq(
        s.Integral(
            s.r * (s.D2(*s.on_circle) * s.cos(s.theta) - s.D1(*s.on_circle) * s.sin(s.theta)), (s.theta, 0, 2 * s.pi)
        ),
        0,
    ),
    conditions="two or more dimensions",
    reference="Song2021b",
    cause="a network is not a gradient field; in a closed form, weights that differ from coordinate to coordinate",
)
def curl_free(case: Case) -> Measurement | None:
    if case.dim == 1:
        return None
    u = case.directions("loop-u")
    v = case.directions("loop-v")
    v = v - per_row(dot(u, v), u) * u
    v = v / per_row(norm(v), u)
    radius = LOOP_RADIUS * case.sigma
    nodes = LOOP_NODES if case.dim <= DENSE_DIM else WIDE_LOOP_NODES
    angles = torch.arange(nodes, dtype=u.dtype, device=u.device).reshape(-1, *[1] * u.ndim)
    cos, sin = torch.cos(2 * math.pi / nodes * angles), torch.sin(2 * math.pi / nodes * angles)
    outward, tangent = (cos * u + sin * v).flatten(0, 1), (cos * v - sin * u).flatten(0, 1)
    around = case.denoise(case.x.repeat(nodes, *[1] * (u.ndim - 1)) + radius * outward)
    moved = around - case.denoised.repeat(nodes, *[1] * (u.ndim - 1))
    circulation = 2 * math.pi * radius * dot(moved, tangent).reshape(nodes, -1).mean(0)
    spread = dot(moved, moved).reshape(nodes, -1).mean(0).sqrt()
    rounding = torch.finfo(case.x.dtype).eps * norm(case.denoised) / case.tolerance
    return Measurement.exact(circulation, math.pi * radius * (spread + rounding) / math.sqrt(case.dim))


@identity(
    "D commutes with every symmetry of the prior",
    statement=lambda s: s.Eq(s.D(s.action(s.x), s.factor * s.sigma), s.action(s.Dx)),
    conditions="a symmetry that the prior has",
    reference="Kamb2024",
    cause="zero padding at the border, a positional input, or a training set that lacks the symmetry",
    needs=("symmetry",),
)
def equivariance(case: Case) -> Measurement:
    violations, scales = [], []
    for symmetry in case.symmetries:
        moved = case.denoise(symmetry.action(case.x), case.sigma * symmetry.noise_factor)
        expected = symmetry.action(case.denoised)
        violations.append(norm(moved - expected))
        scales.append(norm(expected) + norm(symmetry.action(case.x)))
    return Measurement.exact(torch.stack(violations), torch.stack(scales))


def _spread(case: Case) -> float:
    return max(case.sigma, float(case.x.abs().max()), float(case.denoised.abs().max()))


@identity(
    "as sigma -> 0, D projects on the support of the prior: clean data stay where they are",
    statement=lambda s: s.Eq(s.Limit(s.D(s.Dx, s.sigma) - s.Dx, s.sigma, 0, "+"), 0),
    conditions="a denoiser for every sigma",
    reference="Karras2022",
    cause="a guard added to sigma^2, a smallest sigma, or a score divided by sigma instead of sigma^2",
    needs=("every_sigma",),
)
def low_noise_limit(case: Case) -> Measurement:
    """Data stay put, or, without a prior, D is idempotent: both up to sigma^2 score, of order sqrt(d) sigma."""
    sigma = NEAR * _spread(case)
    clean = case.denoise(case.x, sigma) if case.prior is None else case.draw(case.batch, "low-noise")
    moved = norm(case.denoise(clean, sigma) - clean)
    slack = 8 * math.sqrt(case.dim) * sigma
    return Measurement.exact((moved - slack).clamp(min=0), norm(clean) + norm(case.x))


@identity(
    "as sigma -> inf, D is the mean of the prior whatever x",
    statement=lambda s: s.Eq(s.Limit(s.Dx, s.sigma, s.oo), s.Integral(s.y * s.p0(s.y), (s.y, -s.oo, s.oo))),
    conditions="a denoiser for every sigma",
    reference="Karras2022",
    cause="a largest sigma, a clamp on the noise level, or a clock that ends early",
    needs=("every_sigma",),
)
def high_noise_limit(case: Case) -> Measurement:
    sigma = FAR * _spread(case)
    limit = case.denoise(case.x, sigma)
    others = case.denoise(case.x.roll(1, 0) + case.sigma * case.directions("high-noise"), sigma)
    return Measurement.exact(norm(limit - others), norm(limit) + norm(case.denoised) + norm(case.x))


@identity(
    "dD/dsigma = sigma Laplacian(D) + (2/sigma) J (D - x): D is a martingale of the reverse process",
    statement=lambda s: s.Eq(
        s.Derivative(s.Dx, s.sigma),
        s.sigma * s.Derivative(s.Dx, s.x, 2) + 2 / s.sigma * s.Derivative(s.Dx, s.x) * (s.Dx - s.x),
    ),
    conditions="a denoiser twice differentiable in x",
    reference="Lai2023",
    cause="sigma^2 taken for sigma, a factor two in the kernel width, a schedule off by one step, a clock not rescaled",
)
def denoiser_equation(case: Case) -> Measurement:
    x, sigma = case.x, case.sigma
    stack, full = directional_stack(case, "laplacian")
    pull = case.denoised - x
    length = per_row(norm(pull).clamp(min=torch.finfo(x.dtype).tiny), x)
    violations, scales, errors = [], [], []
    for w in (pull / length, case.directions("laplacian-out")):
        rate = slope_in(lambda level, w=w: dot(w, case.denoise(x, level)), sigma, case.step)
        curvatures = per_direction(case, x, w[None], stack, sigma, 2)
        laplacian = curvatures.sum(0) if full else curvatures.mean(0)
        drift = along(case.projected(w), x, pull, 1, case.step / float(length.max()))[0]
        violations.append(rate - sigma * laplacian - 2 / sigma * drift)
        magnitude = curvatures.abs().sum(0) if full else curvatures.abs().mean(0)
        rounding = torch.finfo(x.dtype).eps * (norm(case.denoised) + norm(x)) / case.step / case.tolerance
        scales.append(rate.abs() + sigma * magnitude + (2 / sigma * drift).abs() + rounding)
        error = torch.zeros_like(rate) if full else curvatures.std(0) / math.sqrt(len(curvatures))
        errors.append(sigma * error)
    return Measurement(torch.stack(violations), torch.stack(scales), torch.stack(errors), max(len(stack) - 1, 1))


LOCAL = (
    derivative,
    symmetry,
    positivity,
    curl_free,
    equivariance,
    low_noise_limit,
    high_noise_limit,
    denoiser_equation,
)
