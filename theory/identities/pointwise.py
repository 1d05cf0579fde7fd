"""Identities of a denoiser at a point, from the callable alone (and, for equivariance, a symmetry).

J = dD/dx is a posterior covariance over sigma^2 and so symmetric and positive semi-definite: D is the gradient of a
convex function [@Miyasawa1961; @Gribonval2011]. How D changes with sigma follows from the heat equation.
"""

from __future__ import annotations

import math

import torch

from .case import DENSE_DIM, Case
from .derivatives import along, automatic, dot, finite, gradient, norm, slope_in
from .identity import Identity, Measurement

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


def _derivative(case: Case) -> Measurement | None:
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


def _symmetry(case: Case) -> Measurement | None:
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


def _positivity(case: Case) -> Measurement:
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


def _curl_free(case: Case) -> Measurement | None:
    if case.dim == 1:
        return None
    u = case.directions("loop-u")
    v = case.directions("loop-v")
    shape = (-1, *[1] * (u.ndim - 1))
    v = v - dot(u, v).reshape(shape) * u
    v = v / norm(v).reshape(shape)
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


def _equivariance(case: Case) -> Measurement:
    violations, scales = [], []
    for symmetry in case.symmetries:
        moved = case.denoise(symmetry.action(case.x), case.sigma * symmetry.noise_factor)
        expected = symmetry.action(case.denoised)
        violations.append(norm(moved - expected))
        scales.append(norm(expected) + norm(symmetry.action(case.x)))
    return Measurement.exact(torch.stack(violations), torch.stack(scales))


def _spread(case: Case) -> float:
    return max(case.sigma, float(case.x.abs().max()), float(case.denoised.abs().max()))


def _low_noise(case: Case) -> Measurement:
    """Data stay put, or, without a prior, D is idempotent: both up to sigma^2 score, of order sqrt(d) sigma."""
    sigma = NEAR * _spread(case)
    clean = case.denoise(case.x, sigma) if case.prior is None else case.draw(case.batch, "low-noise")
    moved = norm(case.denoise(clean, sigma) - clean)
    slack = 8 * math.sqrt(case.dim) * sigma
    return Measurement.exact((moved - slack).clamp(min=0), norm(clean) + norm(case.x))


def _high_noise(case: Case) -> Measurement:
    sigma = FAR * _spread(case)
    limit = case.denoise(case.x, sigma)
    others = case.denoise(case.x.roll(1, 0) + case.sigma * case.directions("high-noise"), sigma)
    return Measurement.exact(norm(limit - others), norm(limit) + norm(case.denoised) + norm(case.x))


def _denoiser_equation(case: Case) -> Measurement:
    x, sigma = case.x, case.sigma
    stack, full = directional_stack(case, "laplacian")
    pull = case.denoised - x
    length = norm(pull).clamp(min=torch.finfo(x.dtype).tiny).reshape(-1, *[1] * (x.ndim - 1))
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


def _state_derivative():
    import sympy as sp

    from .symbols import D, sigma, x

    u = sp.Symbol("u", real=True)
    h = sp.Symbol("h", real=True)
    return sp.Eq(u * sp.Derivative(D(x, sigma), x), sp.Limit((D(x + h * u, sigma) - D(x, sigma)) / h, h, 0))


def _state_symmetry():
    import sympy as sp

    from .symbols import D1, D2, sigma, x, y

    return sp.Eq(sp.Derivative(D1(x, y, sigma), y), sp.Derivative(D2(x, y, sigma), x))


def _state_positivity():
    import sympy as sp

    from .symbols import D, sigma, x

    return sp.Ge(sp.Derivative(D(x, sigma), x), 0)


def _state_curl_free():
    import sympy as sp

    from .symbols import D1, D2, sigma

    r, a = sp.Symbol("r", positive=True), sp.Symbol("theta", real=True)
    at = (r * sp.cos(a), r * sp.sin(a), sigma)
    return sp.Eq(sp.Integral(r * (D2(*at) * sp.cos(a) - D1(*at) * sp.sin(a)), (a, 0, 2 * sp.pi)), 0)


def _state_equivariance():
    import sympy as sp

    from .symbols import D, sigma, x

    g, a = sp.Function("g"), sp.Symbol("a", positive=True)
    return sp.Eq(D(g(x), a * sigma), g(D(x, sigma)))


def _state_low_noise():
    import sympy as sp

    from .symbols import D, sigma, x

    return sp.Eq(sp.Limit(D(D(x, sigma), sigma) - D(x, sigma), sigma, 0, "+"), 0)


def _state_high_noise():
    import sympy as sp

    from .symbols import D, p0, sigma, x, y

    return sp.Eq(sp.Limit(D(x, sigma), sigma, sp.oo), sp.Integral(y * p0(y), (y, -sp.oo, sp.oo)))


def _state_denoiser_equation():
    import sympy as sp

    from .symbols import Dx, sigma, x

    drift = 2 / sigma * sp.Derivative(Dx, x) * (Dx - x)
    return sp.Eq(sp.Derivative(Dx, sigma), sigma * sp.Derivative(Dx, x, 2) + drift)


LOCAL = (
    Identity(
        "derivative",
        "the derivative that automatic differentiation returns is the derivative of the values",
        _state_derivative,
        "the denoiser keeps an autograd graph",
        "Kadkhodaie2024",
        "a detached tensor, `no_grad` or a round trip through NumPy on part of the way (a detached mean)",
        _derivative,
    ),
    Identity(
        "symmetry",
        "the Jacobian is symmetric, being a covariance over sigma^2",
        _state_symmetry,
        "two or more dimensions",
        "Kadkhodaie2024",
        "a network is no gradient field; in a closed form, a transposed or one-sided matrix, or per-coordinate weights",
        _symmetry,
    ),
    Identity(
        "positivity",
        "the Jacobian is positive semi-definite and D monotone: D is the gradient of a convex function",
        _state_positivity,
        "any prior",
        "Gribonval2011",
        "the sign of the score, or a noise prediction handed over as a denoiser",
        _positivity,
    ),
    Identity(
        "curl_free",
        "the score does no work along a closed loop",
        _state_curl_free,
        "two or more dimensions",
        "Song2021b",
        "a network is no gradient field; in a closed form, weights that differ from coordinate to coordinate",
        _curl_free,
    ),
    Identity(
        "equivariance",
        "D commutes with every symmetry of the prior",
        _state_equivariance,
        "a symmetry that the prior has",
        "Kamb2024",
        "zero padding at the border, a positional input, or a training set that lacks the symmetry",
        _equivariance,
        frozenset({"symmetry"}),
    ),
    Identity(
        "low_noise_limit",
        "as sigma -> 0, D projects on the support of the prior: clean data stay where they are",
        _state_low_noise,
        "a denoiser for every sigma",
        "Karras2022",
        "a guard added to sigma^2, a smallest sigma, or a score divided by sigma instead of sigma^2",
        _low_noise,
        frozenset({"every_sigma"}),
    ),
    Identity(
        "high_noise_limit",
        "as sigma -> inf, D is the mean of the prior whatever x",
        _state_high_noise,
        "a denoiser for every sigma",
        "Karras2022",
        "a largest sigma, a clamp on the noise level, or a clock that ends early",
        _high_noise,
        frozenset({"every_sigma"}),
    ),
    Identity(
        "denoiser_equation",
        "dD/dsigma = sigma Laplacian(D) + (2/sigma) J (D - x): D is a martingale of the reverse process",
        _state_denoiser_equation,
        "a denoiser twice differentiable in x",
        "Lai2023",
        "sigma^2 taken for sigma, a factor two in the kernel width, a schedule off by one step, a clock not rescaled",
        _denoiser_equation,
    ),
)
