r"""Symmetry breaking: at which noise level does the symmetric state lose its stability?

Where the data are symmetric about their mean, that point is a fixed point of the denoiser, x = D(x), at every noise
level. With J the largest eigenvalue of dD/dx = Cov[x0 | x] / sigma^2 there, four criteria are in use:

    variance     Lambda e^-2t = 1, Lambda the largest eigenvalue of the covariance ([@Biroli2024])
    bimodality   J = 1: the Hessian of log p_sigma, (J - 1) / sigma^2, turns positive, one mode becomes two
    sde          1 + 2 s' = 0: the drift x + 2 s(x) of the reverse SDE dx = [x + 2 s] dt + sqrt(2) dw of the
                 Ornstein-Uhlenbeck process loses its fixed point's stability ([@Raya2023])
    half-clone   clones agree half as much as they ever will: phi = (1 + sum_k pi_k^2) / 2 (see `clones`)

s is the score in the OU clock. With x_OU = e^-t x and e^2t = 1 + sigma^2 its slope is s' = (1 + sigma^2) (J - 1) /
sigma^2, so that the third criterion is J = 1 - sigma^2 / (2 (1 + sigma^2)): it depends on the scale of the data.

**Two points +-a.** D = a tanh(a x / sigma^2), J = a^2 / sigma^2, Lambda = a^2. Variance: t = log a (none for a <= 1).
Bimodality: sigma = a, t = log(1 + a^2) / 2. SDE: with v = e^-2t, 1 - 2 / (1 - v) + 2 a^2 v / (1 - v)^2 = 0, that is
v^2 + 2 a^2 v = 1; for a = 1 it is e^-t = sqrt(sqrt(2) - 1) = 0.6436 ([@Raya2023]). For a >> 1 it is t = log(2 a^2) / 2:
the criteria differ by up to log(2) / 2 in OU time, however large a is. A "critical time" means nothing without its
criterion.

Gaussian data have J = lambda / (lambda + sigma^2) < 1 and never become bimodal; the reverse SDE still turns unstable at
sigma^2 = lambda - 2, where amplification, not a choice, begins. The probability-flow ODE has the drift x + s, whose
slope at 0 for a = 1 is v^2 / (1 - v)^2 > 0 at all times: by that criterion there is no transition at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ..._support import checks as check
from ...errors import ArgumentError
from ..covariance import Covariance
from ..empirical.optimum import EmpiricalDenoiser
from ..mixture import MixtureDenoiser
from ..transition import Transition
from ._cloning import classes
from ._speciation import speciation
from ._spectrum import is_covariance, spectrum
from .roots import Function, at_sigma, below, none, root, slope

EQUATIONS = {
    "variance": r"\Lambda e^{-2t} = 1",
    "bimodality": r"\lambda_{\max}(\partial D / \partial x) = 1",
    "sde": r"1 + 2 s'(0) = 0",
    "half-clone": r"\phi = (1 + \sum_k \pi_k^2) / 2",
}
REFERENCES = {"variance": "Biroli2024", "bimodality": "Raya2023", "sde": "Raya2023", "half-clone": "Biroli2024"}
SCAN = np.geomspace(10, 1e-4, 60)

Gain = Callable[[float], tuple[float, float]]


def _name(criterion: str) -> str:
    return f"symmetry breaking ({criterion})"


def _gaussian_gain(source: Any) -> tuple[Gain, float]:
    found = spectrum(source)
    largest = float(found.eigenvalues[0])
    return lambda sigma: (largest / (largest + sigma**2), 0.0), math.sqrt(found.eigenvalues.sum())


def _mixture_gain(mixture: MixtureDenoiser) -> tuple[Gain, float]:
    """J = lambda_max(sum_k r_k C_k (C_k + sigma^2)^-1 + Cov_r[D_k] / sigma^2) at the mean."""
    weights, means = mixture.log_weights.exp(), mixture.means.flatten(1)
    point = (weights @ means)[None]
    identity = torch.eye(point.shape[1], dtype=point.dtype, device=point.device)
    scale = math.sqrt(
        float(weights @ (means - point).square().sum(1))
        + sum(float(weight) * component.trace for weight, component in zip(weights, mixture.covariances))
    )

    def gain(sigma: float) -> tuple[float, float]:
        level = torch.full((1,), sigma, dtype=point.dtype, device=point.device)
        responsibility = mixture.responsibilities(point.reshape(1, *mixture.means.shape[1:]), sigma)[0]
        filters = [c.wiener(identity, level.expand(len(identity))) for c in mixture.covariances]
        denoised = torch.stack([mean + f @ (point[0] - mean) for f, mean in zip(filters, means)])
        offsets = (denoised - responsibility @ denoised) * (responsibility.sqrt() / sigma)[:, None]
        jacobian = sum((r * f for r, f in zip(responsibility, filters)), offsets.T @ offsets)
        return float(torch.linalg.eigvalsh(jacobian)[-1]), 0.0

    return gain, scale


def _principal(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The largest eigenvalue of rows^T rows and its eigenvector, by the smaller of the two Gram matrices."""
    wide = rows.shape[0] < rows.shape[1]
    eigenvalues, vectors = torch.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    vector = rows.T @ vectors[:, -1] if wide else vectors[:, -1]
    return eigenvalues[-1], vector / vector.norm()


def _data_gain(data: torch.Tensor) -> tuple[Gain, float]:
    """J = lambda_max(Cov_w[y]) / sigma^2 at the mean, with the sampling error of the weighted variance."""
    denoiser = EmpiricalDenoiser(data.double())
    flat = denoiser.data.flatten(1)
    point = denoiser.data.mean(0, keepdim=True)

    def gain(sigma: float) -> tuple[float, float]:
        weights = denoiser.weights(point, sigma)[0]
        offsets = flat - weights @ flat
        variance, direction = _principal(offsets * weights.sqrt()[:, None])
        along = offsets @ direction
        error = (weights * (along.square() - variance)).square().sum().sqrt()
        return float(variance / sigma**2), float(error / sigma**2)

    return gain, float((flat - point.flatten(1)).square().sum(1).mean().sqrt())


def _gain(source: Any) -> tuple[Gain, float]:
    """sigma -> (J, its standard error), and the spread of the source."""
    if isinstance(source, MixtureDenoiser):
        return _mixture_gain(source)
    if isinstance(source, Covariance):
        return _gaussian_gain(source)
    tensor = check.as_float_tensor("source", source)
    if is_covariance(tensor):
        return _gaussian_gain(tensor)
    spectrum(tensor)
    return _data_gain(check.dataset("source", tensor, minimum=2))


def _instability(source: Any, criterion: str) -> Transition:
    gain, scale = _gain(source)
    threshold: Function = (lambda s: 1.0) if criterion == "bimodality" else (lambda s: 1 - s**2 / (2 * (1 + s**2)))

    def excess(sigma: float) -> float:
        return gain(sigma)[0] - threshold(sigma)

    facts = _name(criterion), EQUATIONS[criterion], REFERENCES[criterion]
    high = float("inf")
    for sigma in scale * SCAN:
        if excess(float(sigma)) > 0:
            break
        high = float(sigma)
    else:
        return none(*facts, "the mean of the data stays stable at every noise level")
    critical = root(excess, float(sigma), high)
    stderr = gain(critical)[1] / abs(slope(excess, critical))
    return at_sigma(facts[0], critical, stderr, *facts[1:])


def _half_clone(source: Any, n_draws: int, seed: int) -> Transition:
    if not isinstance(source, MixtureDenoiser):
        raise ArgumentError("source", "has no classes", "pass a MixtureDenoiser, such as .fit(data, labels)")
    found = classes(source, check.integer("n_draws", n_draws, 2), seed)
    half = (1 + float(np.exp(2 * found.log_weights).sum())) / 2
    facts = _name("half-clone"), EQUATIONS["half-clone"], REFERENCES["half-clone"]

    def excess(sigma: float) -> float:
        return found.agreement(sigma)[0] - half

    means = source.means.flatten(1)
    high = 10 * math.sqrt(float((means - means.mean(0)).square().sum(1).max()) + spectrum(source).eigenvalues[0])
    low = below(excess, high)
    if low is None:
        return none(*facts, "the classes overlap so much that clones never agree by half")
    critical = root(excess, low, 2 * low, 1e-8)
    return at_sigma(facts[0], critical, found.agreement(critical)[1] / abs(slope(excess, critical)), *facts[1:])


def symmetry_breaking(source: Any, criterion: str = "bimodality", n_draws: int = 4096, seed: int = 0) -> Transition:
    r"""The noise level at which the symmetric state at the mean of the data gives way, by `criterion`.

    `criterion`: "variance" | "bimodality" | "sde" | "half-clone", defined at the head of this module; they differ by
    up to half a log 2 in OU time. `source`: data `(n, *event)`, a covariance, or a `MixtureDenoiser`; "half-clone"
    needs the last, and uses `n_draws` draws unless it is two components of one covariance. The mean is a fixed point of
    the denoiser only where the data are symmetric about it; elsewhere the result is that of the nearest symmetric
    state. Of several crossings the one at the largest noise is meant, the first on the way back.

    Each noise level of a search costs an eigenvalue decomposition, O(d^3) for a mixture.

    Raises UnknownNameError for another criterion, ArgumentError where it does not fit the source.

    >>> points = MixtureDenoiser([0.5, 0.5], [[-1.0], [1.0]], [0.0, 0.0])
    >>> round(symmetry_breaking(points, "bimodality").value, 9), symmetry_breaking(points, "variance").value
    (1.0, None)
    >>> round(math.exp(-symmetry_breaking(points, "sde").noise.ou_time), 10)
    0.6435942529
    """
    check.choice("criterion", criterion, EQUATIONS)
    if criterion == "variance":
        return replace(speciation(source), name=_name(criterion))
    if criterion == "half-clone":
        return _half_clone(source, n_draws, seed)
    return _instability(source, criterion)
