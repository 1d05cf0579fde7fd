"""Identities of averages over the prior: what a Bayes-optimal denoiser owes to the data [@Iba1999; @Guo2005].

Each is a mean over independent draws (x0, n) that vanishes under the identity, judged by its standard error; the
same draws serve every noise level, so that differences between levels are far more exact than the levels.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ..._support.shapes import per_row
from .case import BLOCK_ENTRIES, DENSE_DIM, Case
from .derivatives import along, dot, gradient, norm
from .identity import Measurement, identity

MARTINGALE_RATIO, SNR_RATIO, SNR_NODES, WIDE_SNR_NODES = 1.5, 1.3, 4, 2


def _mean_square(t: torch.Tensor) -> torch.Tensor:
    return dot(t, t).double().mean()


def _fixed_direction(case: Case, purpose: str) -> torch.Tensor:
    """One random unit vector for all samples, `(1, *event)`."""
    return case.directions(purpose, case.x[:1])


@identity(
    "the average of D is the average of the data",
    statement=lambda s: s.Eq(s.over_x(s.Dx), s.Integral(s.y * s.p0(s.y), (s.y, -s.oo, s.oo))),
    conditions="any prior with a mean",
    reference="Efron2011",
    cause="data shifted or scaled between the prior and the denoiser (a mean left out or subtracted twice)",
    needs=("prior",),
)
def mean(case: Case) -> Measurement:
    """E[D] = E[x0], along random directions and summed over the event."""
    _, denoised = case.noised()
    error = denoised - case.x0
    lines = [_fixed_direction(case, f"mean-{k}") for k in range(case.n_probes)]
    lines.append(torch.ones_like(case.x[:1]) / math.sqrt(case.dim))
    terms = torch.stack([dot(error, u.expand_as(error)) for u in lines], dim=1)
    size = torch.sqrt(_mean_square(case.x0 - case.centre) / case.dim)
    return Measurement.average(terms, size, (*(f"direction {k}" for k in range(case.n_probes)), "all ones"))


@identity(
    "the error x0 - D is uncorrelated with every function of x",
    statement=lambda s: s.Eq(s.over_both((s.y - s.Dx) * s.g(s.x)), 0),
    conditions="a Bayes-optimal denoiser of this prior",
    reference="Kay1993",
    cause="a denoiser of another prior, or one not trained to the end",
    needs=("prior",),
)
def orthogonality(case: Case) -> Measurement:
    """E<x0 - D, g(x)> = 0 for g = x, and for g = v tanh(u . x / scale), with random unit u and v."""
    x, denoised = case.noised()
    error = case.x0 - denoised
    tests = [(x - case.centre, "g = x")]
    spread = torch.sqrt(_mean_square(x - case.centre) / case.dim)
    for k in range(case.n_probes):
        u, v = _fixed_direction(case, f"feature-in-{k}"), _fixed_direction(case, f"feature-out-{k}")
        ridge = torch.tanh(dot(x - case.centre, u.expand_as(x)) / spread)
        tests.append((per_row(ridge, x) * v, f"g = ridge function {k}"))
    terms = torch.stack([dot(error, g) for g, _ in tests], dim=1)
    size = torch.sqrt(_mean_square(case.x0 - case.centre))
    along_v = [size / (1 if k == 0 else math.sqrt(case.dim)) for k in range(len(tests))]
    scale = torch.stack([torch.sqrt(_mean_square(g)) * s for (g, _), s in zip(tests, along_v, strict=True)])
    return Measurement.average(terms, scale, tuple(label for _, label in tests))


@identity(
    "the data overlap with D as D does with itself",
    statement=lambda s: s.Eq(s.over_both(s.y * s.Dx), s.over_x(s.Dx**2)),
    conditions="a Bayes-optimal denoiser of this prior",
    reference="Iba1999",
    cause="a temperature: shrinkage by a factor, a variance over- or underestimated, a memorised training set",
    needs=("prior",),
)
def nishimori(case: Case) -> Measurement:
    """E<x0, D> = E|D|^2: the truth overlaps with its estimate as the estimate does with itself."""
    _, denoised = case.noised()
    centred = denoised - case.centre
    terms = dot(case.x0 - denoised, centred)[:, None]
    return Measurement.average(terms, _mean_square(case.x0 - case.centre), ("average over the prior",))


@identity(
    "the mean squared error along u is sigma^2 E[u . J u]",
    statement=lambda s: s.Eq(s.mmse, s.sigma**2 * s.over_x(s.Derivative(s.Dx, s.x))),
    conditions="a Bayes-optimal denoiser of this prior",
    reference="Meng2021",
    cause="a factor in the covariance, a detached mean, or a denoiser of another prior",
    needs=("prior",),
)
def posterior_variance(case: Case) -> Measurement:
    """E (u . (x0 - D))^2 = sigma^2 E u . J u."""
    return _by_probe(case, "variance", 1)


@identity(
    "the third moment of the error along u is sigma^4 E[u . d^2 D(u, u)]",
    statement=lambda s: s.Eq(s.over_both((s.y - s.Dx) ** 3), s.sigma**4 * s.over_x(s.Derivative(s.Dx, s.x, 2))),
    conditions="a Bayes-optimal denoiser of this prior, twice differentiable",
    reference="Meng2021",
    cause="a skewed prior replaced by a symmetric one (a Gaussian shortcut)",
    needs=("prior",),
)
def third_cumulant(case: Case) -> Measurement:
    """E (u . (x0 - D))^3 = sigma^4 E u . d^2 D(u, u)."""
    return _by_probe(case, "skewness", 2)


def _by_probe(case: Case, purpose: str, order: int) -> Measurement:
    x, denoised = case.noised()
    columns, scales = [], []
    for k in range(1 if case.dim > DENSE_DIM else min(case.n_probes, 4)):
        u = _fixed_direction(case, f"{purpose}-{k}").expand_as(x)
        response = _blockwise(case, x, u, order)
        moment = dot(case.x0 - denoised, u) ** (order + 1)
        predicted = case.sigma ** (2 * order) * response
        columns.append(moment - predicted)
        scales.append(moment.abs().double().mean() + predicted.abs().double().mean())
    return Measurement.average(
        torch.stack(columns, dim=1), torch.stack(scales), tuple(f"direction {k}" for k in range(len(columns)))
    )


def _blockwise(case: Case, x: torch.Tensor, u: torch.Tensor, order: int) -> torch.Tensor:
    size = max(1, BLOCK_ENTRIES // case.dim)
    parts = [
        along(case.projected(v), part, v, order, case.step)[-1]
        for part, v in zip(x.split(size), u.split(size), strict=True)
    ]
    return torch.cat(parts)


@identity(
    "D at an earlier noise level averages to D at a later one",
    statement=lambda s: s.Eq(s.over_bridge(s.g(s.z) * s.Dx), s.over_bridge(s.g(s.z) * s.D(s.z, s.later))),
    conditions="a Bayes-optimal denoiser of this prior",
    reference="Daras2023",
    cause="denoisers of different priors at different noise levels, or a schedule off by one step",
    needs=("prior",),
)
def martingale(case: Case) -> Measurement:
    """E<g(x_S), D(x_s, s) - D(x_S, S)> = 0 for x_S = x_s + sqrt(S^2 - s^2) n'."""
    late = MARTINGALE_RATIO * case.sigma
    x, early_denoised = case.noised()
    later = x + math.sqrt(late**2 - case.sigma**2) * case.normal("more-noise", x)
    late_denoised = case.denoise(later, late)
    step = early_denoised - late_denoised
    ones = torch.ones_like(later) / math.sqrt(case.dim)
    tests = [("g = D", late_denoised - case.centre), ("g = x", later - case.centre), ("g = 1", ones)]
    terms = torch.stack([dot(step, g) for _, g in tests], dim=1)
    size = torch.sqrt(_mean_square(case.x0 - case.centre))
    scale = torch.stack([size * torch.sqrt(_mean_square(g)) for _, g in tests])
    return Measurement.average(terms, scale, tuple(label for label, _ in tests))


def _squared_errors(case: Case, sigma: float) -> torch.Tensor:
    _, denoised = case.noised(sigma)
    return dot(case.x0 - denoised, case.x0 - denoised).double()


def _snr_nodes(case: Case) -> tuple[list[float], list[float], float]:
    """Gauss-Legendre nodes (as sigmas) and weights for integrals over snr from 1/(1.3 sigma)^2 to 1/sigma^2."""
    nodes, weights = np.polynomial.legendre.leggauss(SNR_NODES if case.dim <= DENSE_DIM else WIDE_SNR_NODES)
    low, high = 1 / (SNR_RATIO * case.sigma) ** 2, 1 / case.sigma**2
    half = (high - low) / 2
    sigmas = [1 / math.sqrt(low + half * (1 + node)) for node in nodes]
    return sigmas, [half * float(w) for w in weights], SNR_RATIO * case.sigma


@identity(
    "d mmse / d snr = -E|Cov[x0 | x]|^2",
    statement=lambda s: s.Eq(
        s.Derivative(s.mmse, s.sigma) / s.diff(s.snr, s.sigma), -s.over_x((s.sigma**2 * s.Derivative(s.Dx, s.x)) ** 2)
    ),
    conditions="a Bayes-optimal denoiser of this prior",
    reference="Guo2005",
    cause="a noise level that is not the one of the data, or a factor in the Jacobian",
    needs=("prior",),
)
def mmse_slope(case: Case) -> Measurement:
    """mmse(sigma) - mmse(1.3 sigma) = - integral of E|Cov|^2 over snr, |Cov|^2 by random probes."""
    sigmas, weights, far = _snr_nodes(case)
    change = _squared_errors(case, case.sigma) - _squared_errors(case, far)
    integral = torch.zeros_like(change)
    signs = math.sqrt(case.dim) * case.directions("mmse", case.x0)
    for sigma, weight in zip(sigmas, weights, strict=True):
        x, _ = case.noised(sigma)
        integral = integral + weight * sigma**4 * _squared_row(case, x, signs, sigma).double()
    scale = _squared_errors(case, case.sigma).mean() + integral.mean()
    return Measurement.average((change + integral)[:, None], scale, ("average over the prior",))


def _squared_row(case: Case, x: torch.Tensor, u: torch.Tensor, sigma: float) -> torch.Tensor:
    """|J^T u|^2 per sample, an unbiased estimate of |J|_F^2 for E u u^T = I."""
    size = max(1, BLOCK_ENTRIES // case.dim)
    rows = []
    for part, v in zip(x.split(size), u.split(size), strict=True):
        row = gradient(case.projected(v, sigma), part)
        if row is None:
            v_other = v.roll(1, 0)
            slope = along(case.projected(v, sigma), part, v_other, 1, case.step)[0]
            rows.append(slope**2)
        else:
            rows.append(dot(row, row))
    return torch.cat(rows)


@identity(
    "denoising score matching is explicit score matching plus mmse / sigma^4",
    statement=lambda s: s.Eq(s.mmse, s.sigma**2 - s.over_x((s.Dx - s.x) ** 2)),
    conditions="a Bayes-optimal denoiser of this prior",
    reference="Vincent2011",
    cause="a score divided by the wrong power of sigma, or a loss weight left in the output",
    needs=("prior",),
)
def score_matching(case: Case) -> Measurement:
    """E|s + n/sigma|^2 = d/sigma^2 - E|s|^2 for the true score: mmse = sigma^2 d - sigma^4 E|s|^2."""
    x, denoised = case.noised()
    pull = denoised - x
    denoising_loss = _squared_errors(case, case.sigma)
    explicit = case.sigma**2 * case.dim - dot(pull, pull).double()
    scale = case.sigma**2 * case.dim + denoising_loss.mean()
    return Measurement.average((denoising_loss - explicit)[:, None], scale, ("average over the prior",))


@identity(
    "d I(x0; x) / d snr = mmse / 2",
    statement=lambda s: s.Eq(
        s.Derivative(s.over_both(s.log(s.normal(s.x - s.y, s.sigma**2) / s.px)), s.sigma) / s.diff(s.snr, s.sigma),
        s.mmse / 2,
    ),
    conditions="a Bayes-optimal denoiser of this prior",
    reference="Guo2005",
    cause="nats and bits, a density without its normalisation, or a denoiser of another prior",
    needs=("log_density", "prior"),
)
def i_mmse(case: Case) -> Measurement:
    """I(x0; x_sigma) - I(x0; x_1.3sigma) is half the integral of mmse over snr."""
    sigmas, weights, far = _snr_nodes(case)
    gained = _information(case, case.sigma) - _information(case, far)
    integral = torch.zeros_like(gained)
    for sigma, weight in zip(sigmas, weights, strict=True):
        integral = integral + weight / 2 * _squared_errors(case, sigma)
    scale = integral.mean().abs() + gained.abs().mean()
    return Measurement.average((gained - integral)[:, None], scale, ("average over the prior",))


def _information(case: Case, sigma: float) -> torch.Tensor:
    """log p(x | x0) - log p_sigma(x) per draw; its mean is the mutual information in nats."""
    x, _ = case.noised(sigma)
    with torch.no_grad():
        log_p = case.log_p(sigma)(x).double()
    return -dot(case.noise, case.noise).double() / 2 - case.dim / 2 * math.log(2 * math.pi * sigma**2) - log_p


@identity(
    "the mean velocity of flow matching has the energy of its target less mmse / f^2",
    statement=lambda s: s.Eq(
        s.over_x(s.mean_velocity**2),
        s.over_both(((s.x - s.y) / s.sigma - s.y) ** 2) - s.mmse * ((1 + s.sigma) / s.sigma) ** 2,
    ),
    conditions="a Bayes-optimal denoiser of this prior",
    reference="Bertrand2025",
    cause="a velocity on the wrong clock, or a network that has not learned the mean of its target",
    needs=("prior",),
)
def flow_target(case: Case) -> Measurement:
    """E|u*|^2 = E|u|^2 - mmse / f^2 for u = n - x0, u* = E[u | x], f = sigma / (1 + sigma): E<u - u*, u*> = 0."""
    x, denoised = case.noised()
    velocity = (x - denoised) / case.sigma - denoised
    left_out = (denoised - case.x0) * ((1 + case.sigma) / case.sigma)
    scale = _mean_square(case.noise - case.x0)
    return Measurement.average(dot(left_out, velocity).double()[:, None], scale, ("average over the prior",))


def _competitors(case: Case) -> dict[str, torch.Tensor]:
    x, denoised = case.noised()
    centred = denoised - case.centre
    return {
        "D shrunk by 5 %": case.centre + 0.95 * centred,
        "D stretched by 5 %": case.centre + 1.05 * centred,
        "D with 2 % of x": denoised + 0.02 * (x - denoised),
        "D with 2 % of x less": denoised - 0.02 * (x - denoised),
        "D at 0.8 sigma": case.denoise(x, 0.8 * case.sigma),
        "D at 1.25 sigma": case.denoise(x, 1.25 * case.sigma),
        "D nearer the mean": denoised + 0.05 * (case.centre - denoised.mean(0)),
        "the Wiener filter along the mean variance": _scalar_wiener(case, x),
    }


def _scalar_wiener(case: Case, x: torch.Tensor) -> torch.Tensor:
    variance = _mean_square(case.draw(case.n_samples, "wiener") - case.centre) / case.dim
    gain = float(variance / (variance + case.sigma**2))
    return case.centre + gain * (x - case.centre)


@identity(
    "no competitor has a smaller mean squared error",
    statement=lambda s: s.Ge(s.over_both((s.y - s.f(s.x)) ** 2), s.mmse),
    conditions="a Bayes-optimal denoiser of this prior",
    reference="Kay1993",
    cause="too little or too much shrinkage, the wrong noise level, or training that has not converged",
    needs=("prior",),
)
def optimality(case: Case) -> Measurement:
    """No competitor has a smaller squared error: only gains count as violations."""
    own = _squared_errors(case, case.sigma)
    rivals = _competitors(case)
    terms = torch.stack([own - dot(case.x0 - f, case.x0 - f).double() for f in rivals.values()], dim=1)
    scale = torch.stack([norm(case.x0 - f).double().square().mean() for f in rivals.values()]) + own.mean()
    measured = Measurement.average(terms, scale, tuple(rivals))
    return Measurement(
        measured.violation.clamp(min=0), measured.scale, measured.stderr, measured.degrees, measured.where
    )


AVERAGE = (
    mean,
    nishimori,
    orthogonality,
    posterior_variance,
    third_cumulant,
    martingale,
    mmse_slope,
    score_matching,
    i_mmse,
    flow_target,
    optimality,
)
