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

The first term is the bulk of [@Biroli2024]; the class term (see `clones`) is what finite dimension adds to it.

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
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..._support import checks as check
from ..._support.results import provenance
from ..._support.streams import normal_batch, stream
from ...errors import ArgumentError, CovarianceError
from ..covariance import Covariance
from ..empirical.optimum import EmpiricalDenoiser
from ..mixture import MixtureDenoiser
from ..transition import Transition
from ._cloning import classes
from ._spectrum import Spectrum, is_covariance, spectrum
from .roots import at_sigma, below, none, root, slope

if TYPE_CHECKING:
    import xarray as xr

CRITERIA = ("gaussian", "mixture", "entropy")
GAUSSIAN = r"\tfrac12 \sum_k \log(1 + \lambda_k / \sigma^2) = \log n"
MIXTURE = r"\tfrac12 \sum_k \pi_k \log\det(1 + C_k / \sigma^2) + I(k; x) = \log n"
ENTROPY = r"E H(w) = \tfrac12 \log n"
REFERENCE = "Biroli2024"
BATCH = 512


def _half_log_det(eigenvalues: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """1/2 sum_k log(1 + lambda_k / sigma^2) for eigenvalues > 0, without overflow."""
    return np.logaddexp(np.log(eigenvalues)[:, None] - 2 * np.log(grid), 0.0).sum(0) / 2


def gaussian_information(source: Any, sigma: Any) -> np.ndarray:
    r"""I_G(\sigma) = \tfrac12 \sum_k \log(1 + \lambda_k / \sigma^2) in nats, for every entry of `sigma` > 0.

    The information of x on x0 for Gaussian data, and an upper bound on it for all data of that covariance. `source`
    as in `collapse`.

    >>> gaussian_information(torch.eye(2), [1.0]).round(4)
    array([0.6931])
    """
    return _half_log_det(spectrum(source).eigenvalues, check.positive_sigmas("sigma", sigma))


def rem_entropy(source: Any, n_train: int, sigma: Any) -> np.ndarray:
    r"""max(0, \log n - I_G(\sigma)): the entropy of the posterior weights in the random energy model [@Derrida1981].

    >>> rem_entropy(torch.eye(2), 100, [0.01, 1.0]).round(4)
    array([0.   , 3.912])
    """
    log_n = math.log(check.integer("n_train", n_train, 2))
    return np.maximum(log_n - gaussian_information(source, sigma), 0.0)


class _MixtureInformation:
    """I(x0; x_sigma) of a mixture: the mean of the components' own, and the class information."""

    def __init__(self, mixture: MixtureDenoiser, n_draws: int, seed: int) -> None:
        self.classes = classes(mixture, n_draws, seed)
        self.weights = mixture.log_weights.double().exp().tolist()
        spectra = [component.spectrum.double().numpy(force=True) for component in mixture.covariances]
        self.spectra = [eigenvalues[eigenvalues > 0] for eigenvalues in spectra]

    def __call__(self, sigma: float) -> tuple[float, float]:
        bulk = sum(w * float(_half_log_det(s, np.array([sigma]))[0]) for w, s in zip(self.weights, self.spectra))
        information, stderr = self.classes.information(sigma)
        return bulk + information, stderr


def mixture_information(mixture: MixtureDenoiser, sigma: Any, n: int = 4096, seed: int = 0) -> np.ndarray:
    """`(2, len(sigma))`: I(x0; x) of a mixture in nats, and its standard error; `n` and `seed` as in `cloning`.

    >>> mixture = MixtureDenoiser([0.5, 0.5], [[-1.0], [1.0]], [0.0, 0.0])
    >>> mixture_information(mixture, [1.0])[0].round(4)
    array([0.3368])
    """
    information = _MixtureInformation(mixture, check.integer("n", n, 2), seed)
    return np.array([information(float(s)) for s in check.positive_sigmas("sigma", sigma)]).T


class _NoisyData:
    """Draws x = y_i + sigma n of the empirical measure, the same i and n for every sigma."""

    def __init__(self, data: Any, n_draws: int, seed: int) -> None:
        self.denoiser = EmpiricalDenoiser(check.dataset("source", data, minimum=2, dtype=torch.float64))
        n_draws = check.integer("n_draws", n_draws, 2)
        index = stream(seed, "collapse-datum").integers(self.denoiser.n, size=n_draws)
        self.chosen = self.denoiser.data[torch.from_numpy(index).to(self.denoiser.data.device)]
        self.noise = normal_batch(seed, "collapse-noise", range(n_draws), self.chosen.shape[1:]).to(self.chosen)

    def entropy(self, sigma: float) -> tuple[float, float]:
        """E H(w) in nats and its standard error."""
        pairs = zip(self.chosen.split(BATCH), self.noise.split(BATCH))
        entropy = torch.cat([self.denoiser.entropy(y + sigma * noise, sigma) for y, noise in pairs])
        return float(entropy.mean()), float(entropy.std() / math.sqrt(len(entropy)))


def entropy_curve(data: Any, sigmas: Any, n_draws: int = 1000, seed: int = 0) -> xr.Dataset:
    """The collapse of a data set as a curve: E H(w) over `sigma`, in nats and relative to log n, as a Dataset.

    The mean over `n_draws` noised data (the same for every noise level) of the entropy of the exact posterior
    weights, whose variance is far below that of the log weight of the right datum, which has the same mean.
    Raises EmptyDataError for fewer than two data, NoiseLevelError unless every sigma > 0.

    >>> curve = entropy_curve(torch.tensor([[-1.0], [1.0]]), [0.1, 100.0], n_draws=100)
    >>> curve.relative.round(3).values
    array([0., 1.])
    """
    import xarray as xr

    grid = check.positive_sigmas("sigmas", sigmas)
    draws = _NoisyData(data, n_draws, seed)
    entropy, stderr = np.array([draws.entropy(float(sigma)) for sigma in grid]).T
    log_n = math.log(draws.denoiser.n)
    return xr.Dataset(
        {
            "entropy": ("sigma", entropy),
            "entropy_stderr": ("sigma", stderr),
            "relative": ("sigma", entropy / log_n),
            "relative_stderr": ("sigma", stderr / log_n),
        },
        coords={"sigma": grid},
        attrs={"reference": REFERENCE, "n_train": draws.denoiser.n, "n_draws": n_draws} | provenance(seed=seed),
    )


def _gaussian(found: Spectrum, n_train: int) -> Transition:
    eigenvalues, log_n = found.eigenvalues, math.log(n_train)

    def excess(sigma: float) -> float:
        return float(_half_log_det(eigenvalues, np.array([sigma]))[0]) - log_n

    low = math.sqrt(eigenvalues[0]) / n_train * (1 - 1e-9)
    high = math.sqrt(eigenvalues.sum() / (2 * log_n)) * (1 + 1e-9)
    sigma = root(excess, low, high)
    shrunk = eigenvalues + sigma**2
    stderr = found.stderr(0.5 / shrunk) * sigma / float((eigenvalues / shrunk).sum())
    note = "the Gaussian bound: the collapse of data with this covariance lies at this noise level or below"
    return at_sigma("collapse", sigma, stderr, GAUSSIAN, REFERENCE, note)


def _mixture(mixture: MixtureDenoiser, n_train: int, n_draws: int, seed: int) -> Transition:
    log_n, information = math.log(n_train), _MixtureInformation(mixture, n_draws, seed)

    def excess(sigma: float) -> float:
        return information(sigma)[0] - log_n

    weights, means = mixture.log_weights.exp(), mixture.means.flatten(1)
    between = float(weights @ (means - weights @ means).square().sum(1))
    within = sum(float(weight) * component.trace for weight, component in zip(weights, mixture.covariances))
    high = math.sqrt((between + within) / (2 * log_n)) * (1 + 1e-6)
    low = below(excess, high) if high > 0 else None
    if low is None:
        note = f"the data hold less than log {n_train} nats at any noise level"
        return none("collapse", MIXTURE, REFERENCE, note)
    sigma = root(excess, low, high, 1e-10)
    return at_sigma("collapse", sigma, information(sigma)[1] / abs(slope(excess, sigma)), MIXTURE, REFERENCE)


def _entropy(data: Any, n_draws: int, seed: int) -> Transition:
    draws = _NoisyData(data, n_draws, seed)
    half = math.log(draws.denoiser.n) / 2

    def missing(sigma: float) -> float:
        return half - draws.entropy(sigma)[0]

    high = math.sqrt(float(draws.denoiser.data.flatten(1).var(0, correction=0).sum()))
    if high == 0:
        raise CovarianceError("source", "has a covariance of rank zero", "pass data that vary")
    while missing(high) > 0:
        high *= 2
    low = below(missing, high)
    if low is None:
        note = "most data are copies of one another, which no noise level tells apart"
        return none("collapse", ENTROPY, REFERENCE, note)
    sigma = root(missing, low, high, 1e-4)
    return at_sigma("collapse", sigma, draws.entropy(sigma)[1] / abs(slope(missing, sigma)), ENTROPY, REFERENCE)


def collapse(
    source: Any, n_train: int | None = None, criterion: str = "gaussian", n_draws: int = 1000, seed: int = 0
) -> Transition:
    r"""The noise level below which the optimum for `n_train` data has collapsed on single ones ([@Biroli2024]).

    "gaussian"   I_G(sigma) = log n: an upper bound from the spectrum, exact for Gaussian data. `source`: data
                 `(n, *event)` (`n_train` defaults to n), a covariance, or a `MixtureDenoiser`.
    "mixture"    I(x0; x_sigma) = log n with its class term, for a `MixtureDenoiser`; exact for two components of one
                 covariance, else the class term is a mean over `n_draws` draws.
    "entropy"    E H(w) = log(n) / 2 of the data themselves, by `n_draws` noised data; see `entropy_curve`. At finite n
                 the collapse is a crossover: this is its middle, the other two are where it begins.

    `stderr` is the sampling error of the spectrum of data ("gaussian"; it does not hold the bias of the spectrum of
    few data, which lowers I_G), or of the draws. Raises ArgumentError where `n_train` is missing, below 2 or not the
    number of the data, or `source` is of the wrong kind for the criterion; CovarianceError where nothing varies.

    >>> print(collapse(torch.eye(256), n_train=20000))
    collapse: 3.526 sigma (exact) | alpha_bar 0.07445 | OU time 1.299 | flow time 0.779 | DDPM step 505.3
    """
    check.choice("criterion", criterion, CRITERIA)
    if n_train is not None:
        n_train = check.integer("n_train", n_train, 2)
    if criterion == "mixture" and not isinstance(source, MixtureDenoiser):
        raise ArgumentError(
            "source", f"is of kind {type(source).__name__}", "pass a MixtureDenoiser, such as .fit(data, labels)"
        )
    if criterion == "entropy":
        data = _data(source)
        if n_train not in (None, len(data)):
            raise ArgumentError("n_train", f"is {n_train} for {len(data)} data", "pass data[:n_train] as source")
        return _entropy(data, n_draws, seed)
    found = None if criterion == "mixture" else spectrum(source)
    n_train = n_train or (None if found is None else found.n)
    if n_train is None:
        raise ArgumentError("n_train", "is missing", "pass the number of training data, as the source has none")
    return _mixture(source, n_train, n_draws, seed) if found is None else _gaussian(found, n_train)


def _data(source: Any) -> torch.Tensor:
    if not isinstance(source, (MixtureDenoiser, Covariance)):
        tensor = check.as_float_tensor("source", source)
        if not is_covariance(tensor):
            return check.dataset("source", tensor, minimum=2)
    raise ArgumentError("source", "is no data", 'pass data (n, *event), or criterion="gaussian"')
