r"""Symmetry breaking: at which noise level does the symmetric state lose its stability?

Where the data are symmetric about their mean, that point is a fixed point of the denoiser, x = D(x), at every noise
level. With J the largest eigenvalue of dD/dx = Cov[x0 | x] / sigma^2 there, four criteria are in use:

    variance     Lambda e^-2t = 1, Lambda the largest eigenvalue of the covariance ([@Biroli2024])
    bimodality   J = 1: the Hessian of log p_sigma, (J - 1) / sigma^2, turns positive, one mode becomes two
    sde          1 + 2 s' = 0: the drift x + 2 s(x) of the reverse SDE dx = [x + 2 s] dt + sqrt(2) dw of the
                 Ornstein-Uhlenbeck process loses its fixed point's stability ([@Raya2023])
    half-clone   clones agree half as much as they ever will: phi = (1 + sum_k pi_k^2) / 2 (see `cloning`)

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
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..._support import checks as check
from ...errors import ArgumentError
from ..covariance import Covariance
from ..empirical.optimum import EmpiricalDenoiser
from ..mixture import MixtureDenoiser
from ..transition import Law, Transition
from ._cloning import classes
from ._speciation import speciation
from ._spectrum import Source, Spectrum, is_covariance, spectrum
from .roots import ROUNDING, Function, above, below, root, slope, spectral_rounding

EQUATIONS = {
    "variance": r"\Lambda e^{-2t} = 1",
    "bimodality": r"\lambda_{\max}(\partial D / \partial x) = 1",
    "sde": r"1 + 2 s'(0) = 0",
    "half-clone": r"\phi = (1 + \sum_k \pi_k^2) / 2",
}
REFERENCES = {"variance": "Biroli2024", "bimodality": "Raya2023", "sde": "Raya2023", "half-clone": "Biroli2024"}
SCAN = np.geomspace(10, 1e-4, 60)


@dataclass(frozen=True)
class Gain:
    """J at the mean as a function `at` of sigma, with its standard error.

    `scale` is the spread of the source, `rounding` the relative error of the arithmetic on J.
    """

    at: Callable[[float], tuple[float, float]]
    scale: float
    rounding: float


def _law(criterion: str) -> Law:
    name, reference = f"symmetry breaking ({criterion})", REFERENCES[criterion]
    return Law(name, equation=EQUATIONS[criterion], reference=reference, unit="sigma")


def _gaussian_gain(found: Spectrum) -> Gain:
    largest = float(found.eigenvalues[0])
    scale = math.sqrt(found.eigenvalues.sum())
    return Gain(lambda sigma: (largest / (largest + sigma**2), 0.0), scale, found.rounding)


def _mixture_gain(mixture: MixtureDenoiser) -> Gain:
    """J = lambda_max(sum_k r_k C_k (C_k + sigma^2)^-1 + Cov_r[D_k] / sigma^2) at the mean."""
    weights, means = mixture.log_weights.exp(), mixture.means.flatten(1)
    point = (weights @ means)[None]
    identity = torch.eye(point.shape[1], dtype=point.dtype, device=point.device)
    scale = math.sqrt(
        float(weights @ (means - point).square().sum(1))
        + sum(float(weight) * component.trace for weight, component in zip(weights, mixture.covariances, strict=True))
    )

    def gain(sigma: float) -> tuple[float, float]:
        level = torch.full((1,), sigma, dtype=point.dtype, device=point.device)
        responsibility = mixture.responsibilities(point.reshape(1, *mixture.means.shape[1:]), sigma)[0]
        filters = [c.wiener(identity, level.expand(len(identity))) for c in mixture.covariances]
        denoised = torch.stack([mean + f @ (point[0] - mean) for f, mean in zip(filters, means, strict=True)])
        offsets = (denoised - responsibility @ denoised) * (responsibility.sqrt() / sigma)[:, None]
        jacobian = sum((r * f for r, f in zip(responsibility, filters, strict=True)), offsets.T @ offsets)
        return float(torch.linalg.eigvalsh(jacobian)[-1]), 0.0

    return Gain(gain, scale, spectral_rounding(len(identity), point.dtype))


def _principal(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The largest eigenvalue of rows^T rows and its eigenvector, by the smaller of the two Gram matrices."""
    wide = rows.shape[0] < rows.shape[1]
    eigenvalues, vectors = torch.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    vector = rows.T @ vectors[:, -1] if wide else vectors[:, -1]
    return eigenvalues[-1], vector / vector.norm()


def _data_gain(data: torch.Tensor) -> Gain:
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

    scale = float((flat - point.flatten(1)).square().sum(1).mean().sqrt())
    return Gain(gain, scale, spectral_rounding(flat.shape[1]))


def _gain(source: Source) -> Gain:
    if isinstance(source, MixtureDenoiser):
        return _mixture_gain(source)
    if isinstance(source, (Covariance, Spectrum)):
        return _gaussian_gain(spectrum(source))
    tensor = check.as_float_tensor("source", source).detach()
    found = spectrum(tensor)
    if is_covariance(tensor):
        return _gaussian_gain(found)
    return _data_gain(check.dataset("source", tensor, minimum=2))


def _instability(source: Source, criterion: str) -> Transition:
    gain, law = _gain(source), _law(criterion)
    threshold: Function = (lambda s: 1.0) if criterion == "bimodality" else (lambda s: 1 - s**2 / (2 * (1 + s**2)))

    def excess(sigma: float) -> float:
        return gain.at(sigma)[0] - threshold(sigma)

    high = float("inf")
    for sigma in gain.scale * SCAN:
        if excess(float(sigma)) > gain.rounding:
            break
        high = float(sigma)
    else:
        return law.absent("the mean of the data stays stable at every noise level")
    critical = root(excess, float(sigma), high)
    return law.at(critical, gain.at(critical)[1] / abs(slope(excess, critical)))


def _half_clone(source: Source, n_draws: int, seed: int) -> Transition:
    if not isinstance(source, MixtureDenoiser):
        raise ArgumentError("source", "has no classes", "pass a MixtureDenoiser, such as .fit(data, labels)")
    found = classes(source, n_draws, seed)
    half = (1 + float(np.exp(2 * found.log_weights).sum())) / 2
    law = _law("half-clone")
    if 1 - half <= ROUNDING:
        return law.absent("there is only one class, so that clones always agree")

    def excess(sigma: float) -> float:
        return found.agreement(sigma)[0] - half

    means = source.means.flatten(1)
    high = 10 * math.sqrt(float((means - means.mean(0)).square().sum(1).max()) + spectrum(source).eigenvalues[0])
    low = below(excess, high, ROUNDING)
    if low is None:
        return law.absent("the classes overlap so much that clones never agree by half")
    critical = root(excess, low, above(excess, 2 * low, ROUNDING), 1e-8)
    return law.at(critical, found.agreement(critical)[1] / abs(slope(excess, critical)))


def symmetry_breaking(source: Source, criterion: str = "bimodality", n_draws: int = 4096, seed: int = 0) -> Transition:
    r"""The noise level at which the symmetric state at the mean of the data gives way ([@Raya2023; @Biroli2024]).

    By `criterion`, with J the largest eigenvalue of dD/dx at the mean,

    - "variance": \Lambda e^{-2t} = 1, as `speciation`;
    - "bimodality": J = 1, where one mode of p_sigma becomes two;
    - "sde": \( J = 1 - \sigma^2 / (2 (1 + \sigma^2)) \), where the reverse SDE loses its fixed point's stability;
    - "half-clone": \phi = (1 + \sum_k \pi_k^2) / 2, where clones agree half as much as they ever will.

    They differ by up to half a log 2 in OU time. The mean is a fixed point of the denoiser only where the data are
    symmetric about it; elsewhere the result is that of the nearest symmetric state. Of several crossings the one at
    the largest noise is meant, the first on the way back. J and phi are computed: they pass their threshold only where
    they do so by more than the error of the arithmetic, (d + 16) eps for J.

    Each noise level of a search costs an eigenvalue decomposition, O(d^3) for a mixture.

    Parameters
    ----------
    source : array_like, Covariance or MixtureDenoiser
        Data `(n, *event)`, a covariance (a `Covariance` or a symmetric `(d, d)`) or a mixture; "half-clone" needs a
        mixture.
    criterion : str
        "variance", "bimodality", "sde" or "half-clone".
    n_draws : int
        Draws of "half-clone", which needs none for two components of one covariance.
    seed : int
        Seed of the draws.

    Returns
    -------
    Transition
        In sigma, without a value where the state never gives way.

    Raises
    ------
    UnknownNameError
        For another criterion.
    ArgumentError
        Where the criterion does not fit the source.

    Examples
    --------
    >>> points = MixtureDenoiser([0.5, 0.5], [[-1.0], [1.0]], [0.0, 0.0])
    >>> round(symmetry_breaking(points, "bimodality").value, 9), symmetry_breaking(points, "variance").value
    (1.0, None)
    >>> round(math.exp(-symmetry_breaking(points, "sde").noise.ou_time), 10)
    0.6435942529
    """
    check.choice("criterion", criterion, EQUATIONS)
    n_draws, seed = check.integer("n_draws", n_draws, 2), check.seed("seed", seed)
    if criterion == "variance":
        return replace(speciation(source), name=_law(criterion).name)
    if criterion == "half-clone":
        return _half_clone(source, n_draws, seed)
    return _instability(source, criterion)
