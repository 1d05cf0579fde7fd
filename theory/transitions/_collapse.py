r"""Collapse: below which noise level does the optimum for n data know which datum it came from?

Of n training points, x = x0 + sigma n singles out one as soon as it carries more information on x0 than a choice
among n can hold. That is the collapse of [@Biroli2024] in a form that needs no clock (there the excess entropy
density f of the empirical measure, d f = log n - I, vanishes at t_C):

    I(x0; x_sigma) = log n.

**Gaussian bound.** Of all distributions with a covariance C the Gaussian has the largest I, so that the root of

    I_G(sigma) = 1/2 sum_k log(1 + lambda_k / sigma^2) = log n

lies above the true sigma_C (both sides fall with sigma): a bound from the spectrum alone, sharp for Gaussian data.
For lambda_k = v in all d dimensions it is t_C = log(1 + v / (n^{2/d} - 1)) / 2.

**Mixtures.** The class k of x0 acts on x only through x0, so that I(x0; x) = I(k; x) + I(x0; x | k):

    I(sigma) = 1/2 sum_k pi_k log det(1 + C_k / sigma^2) + I(k; x),    0 <= I(k; x) <= H(pi).

The first term is the bulk of [@Biroli2024]; the class term (see `cloning`) is what finite dimension adds to it.

**Random energies.** The wrong data of x = y_1 + sigma n form a random energy model [@Derrida1981]: n - 1 independent
energies E_i = |x - y_i|^2 / 2 sigma^2 with, for Gaussian data, the generating function

    zeta(q) = log E_y e^{-q E} = -1/2 sum_k [log(1 + q s_k) + q (1 + s_k) / (1 + q s_k)],    s_k = lambda_k / sigma^2.

It condenses where log n + zeta(1) - zeta'(1) = 0. As zeta'(1) = -d/2 and zeta(1) = -I_G - d/2, that is I_G = log n
again: the wrong data freeze where the right one takes over. Above, the entropy of the posterior weights is
log n - I_G, below it is 0, up to a rounding of the corner at finite d (`rem_entropy`).

**Data.** For the empirical measure itself, i uniform and x = y_i + sigma n, exactly

    log n - E H(w) = I(i; x),    w the posterior weights of the memorising optimum,

so the curve E H(w) / log n from 0 to 1 is the collapse of a data set, without any assumption (`entropy_curve`). Its
width is finite; one number for it is where half of the information is gone, E H(w) = log(n) / 2.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ..._support import checks as check
from ...errors import ArgumentError, CovarianceError
from ..covariance import Covariance
from ..mixture import MixtureDenoiser
from ..transition import Law, Transition
from ._entropy import NoisyData
from ._information import MixtureInformation, half_log_det
from ._spectrum import Source, Spectrum, is_covariance, spectrum
from .roots import ROUNDING, above, below, root, slope


def _law(equation: str) -> Law:
    return Law("collapse", equation=equation, reference="Biroli2024", unit="sigma")


PILOT, NEAR = 64, 1.1  # so many draws find where all of them are asked, within so large a factor
CRITERIA = ("gaussian", "mixture", "entropy")
GAUSSIAN = _law(r"\tfrac12 \sum_k \log(1 + \lambda_k / \sigma^2) = \log n")
MIXTURE = _law(r"\tfrac12 \sum_k \pi_k \log\det(1 + C_k / \sigma^2) + I(k; x) = \log n")
ENTROPY = _law(r"E H(w) = \tfrac12 \log n")


def _gaussian(found: Spectrum, n_train: int) -> Transition:
    eigenvalues, log_n = found.eigenvalues, math.log(n_train)

    def excess(sigma: float) -> float:
        return float(half_log_det(eigenvalues, np.array([sigma]))[0]) - log_n

    low = math.sqrt(eigenvalues[0]) / n_train * (1 - 1e-9)
    high = math.sqrt(eigenvalues.sum() / (2 * log_n)) * (1 + 1e-9)
    sigma = root(excess, low, high)
    shrunk = eigenvalues + sigma**2
    stderr = found.stderr(0.5 / shrunk) * sigma / float((eigenvalues / shrunk).sum())
    note = "the Gaussian bound: the collapse of data with this covariance lies at this noise level or below"
    return GAUSSIAN.at(sigma, stderr, note)


def _mixture(mixture: MixtureDenoiser, n_train: int, n_draws: int, seed: int) -> Transition:
    log_n, information = math.log(n_train), MixtureInformation(mixture, n_draws, seed)

    def excess(sigma: float) -> float:
        return information(sigma)[0] - log_n

    weights, means = mixture.log_weights.exp(), mixture.means.flatten(1)
    between = float(weights @ (means - weights @ means).square().sum(1))
    within = sum(
        float(weight) * component.trace for weight, component in zip(weights, mixture.covariances, strict=True)
    )
    high = math.sqrt((between + within) / (2 * log_n)) * (1 + 1e-6)
    rounding = ROUNDING * log_n
    low = below(excess, high, rounding) if high > 0 else None
    if low is None:
        return MIXTURE.absent(f"the data hold no more than log {n_train} nats at any noise level")
    sigma = root(excess, low, above(excess, high, rounding), 1e-10)
    return MIXTURE.at(sigma, information(sigma)[1] / abs(slope(excess, sigma)))


def _entropy(data: torch.Tensor, n_draws: int, seed: int) -> Transition:
    draws = NoisyData(data, n_draws, seed)
    draws.prepare()
    half = math.log(draws.denoiser.n) / 2

    def missing(sigma: float, count: int | None = None) -> float:
        return half - draws.entropy(sigma, count)[0]

    if bool((data == data[:1]).all()):
        raise CovarianceError("source", "has a covariance of rank zero", "pass data that vary")
    rounding = ROUNDING * half

    def few(sigma: float) -> float:
        return missing(sigma, PILOT)

    widest = above(few, math.sqrt(float(draws.denoiser.data.flatten(1).var(0, correction=0).sum())), rounding)
    lowest = below(few, widest, rounding)
    guess = widest if lowest is None else root(few, lowest, widest, 1e-4) * NEAR
    high = above(missing, guess, rounding)
    low = below(missing, high / NEAR**2, rounding)
    if low is None:
        return ENTROPY.absent("most data are copies of one another, which no noise level tells apart")
    sigma = root(missing, low, high, 1e-4)
    return ENTROPY.at(sigma, draws.entropy(sigma)[1] / abs(slope(missing, sigma)))


def collapse(
    source: Source, n_train: int | None = None, criterion: str = "gaussian", n_draws: int = 1000, seed: int = 0
) -> Transition:
    r"""The noise level below which the optimum for n data has collapsed on single ones ([@Biroli2024]): I = \log n.

    By `criterion`,

    - "gaussian": I_G(sigma) = log n, an upper bound from the spectrum, exact for Gaussian data;
    - "mixture": I(x0; x_sigma) = log n with its class term, for a mixture; exact for two components of one covariance,
      else the class term is a mean over draws;
    - "entropy": E H(w) = log(n) / 2 of the data themselves, by noised data; see `entropy_curve`. At finite n the
      collapse is a crossover: this is its middle, the other two are where it begins.

    Both sides are computed: the information counts as above log n, or the entropy as below half of it, only by more
    than the rounding of a sum.

    Parameters
    ----------
    source : array_like, Covariance or MixtureDenoiser
        For "gaussian" data `(n, *event)`, a covariance (a `Covariance` or a symmetric `(d, d)`) or a mixture; for
        "mixture" a mixture; for "entropy" data.
    n_train : int, optional
        Number of training data, >= 2; for data by default their number.
    criterion : str
        "gaussian", "mixture" or "entropy".
    n_draws : int
        Draws of the last two criteria.
    seed : int
        Seed of the draws.

    Returns
    -------
    Transition
        In sigma. `stderr` is the sampling error of the spectrum of data ("gaussian"; it does not hold the bias of the
        spectrum of few data, which lowers I_G), or of the draws. Without a value where no noise level is low enough.

    Raises
    ------
    ArgumentError
        Where `n_train` is missing, below 2 or not the number of the data, or `source` is of the wrong kind for the
        criterion.
    CovarianceError
        Where nothing varies.
    UnknownNameError
        For another criterion.

    Examples
    --------
    >>> print(collapse(torch.eye(256), n_train=20000))
    collapse: 3.526 sigma (exact) | alpha_bar 0.07445 | OU time 1.299 | flow time 0.779 | DDPM step 505.3
    """
    check.choice("criterion", criterion, CRITERIA)
    n_draws, seed = check.integer("n_draws", n_draws, 2), check.seed("seed", seed)
    if n_train is not None:
        n_train = check.integer("n_train", n_train, 2)
    if criterion == "entropy":
        data = _data(source)
        if n_train not in (None, len(data)):
            raise ArgumentError(
                "n_train", f"expected the number of data ({len(data)}), got {n_train}", "pass data[:n_train] as source"
            )
        return _entropy(data, n_draws, seed)
    if criterion == "mixture":
        if not isinstance(source, MixtureDenoiser):
            raise ArgumentError(
                "source",
                f"expected a MixtureDenoiser, got {type(source).__name__}",
                "pass MixtureDenoiser.fit(data, labels)",
            )
        return _mixture(source, _known(n_train), n_draws, seed)
    found = spectrum(source)
    return _gaussian(found, _known(n_train or found.n))


def _known(n_train: int | None) -> int:
    """`n_train`, or that of the source."""
    if n_train is None:
        raise ArgumentError("n_train", "is missing", "pass the number of training data, as the source has none")
    return n_train


def _data(source: Source) -> torch.Tensor:
    if not isinstance(source, (MixtureDenoiser, Covariance)):
        tensor = check.as_float_tensor("source", source).detach()
        if not is_covariance(tensor):
            return check.dataset("source", tensor, minimum=2)
    raise ArgumentError("source", "is not a data set", 'pass data (n, *event), or criterion="gaussian"')
