"""Learning dynamics of linear denoisers in closed form, one eigenmode of the data at a time [@WangPehlevan2025]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import integrate, optimize, special

from ..._support import checks as check
from ..._support.display.boxes import Boxed
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, ShapeError
from ..covariance import moments
from ..noise import NoiseLevel
from ..transition import Law, Transition

REFERENCE = "WangPehlevan2025"
ROUNDING = 1e-12  # relative, of what the arithmetic promises
HALFWAY = {
    "geometric": r"\sqrt{\tilde\lambda_k(0) \tilde\lambda_k(\infty)}",
    "arithmetic": r"\tfrac12 [\tilde\lambda_k(0) + \tilde\lambda_k(\infty)]",
}


def _eigenvalues(value: ArrayLike) -> np.ndarray:
    array = check.finite("eigenvalues", np.atleast_1d(check.float_array("eigenvalues", value)).copy())
    if array.ndim != 1 or array.size == 0:
        raise ShapeError("eigenvalues", f"has shape {array.shape}", "pass the eigenvalues of the covariance (k,)")
    if bool((array < 0).any()):
        raise ArgumentError("eigenvalues", "holds negative values", "pass the eigenvalues of a covariance")
    array.setflags(write=False)
    return array


def _times(value: ArrayLike) -> np.ndarray:
    array = check.float_array("times", value)
    if bool(np.isnan(array).any()) or bool((array < 0).any()):
        raise ArgumentError(
            "times", "holds negative or NaN values", "pass training times >= 0 (inf: trained to the end)"
        )
    return array


@dataclass(frozen=True, eq=False, init=False, repr=False)
class LinearLearning(Boxed):
    """Gradient flow dW/dtau = -eta grad L of a linear denoiser D(x) = mu + W (x - mu) at one noise level.

    L(W) = E|D(x0 + sigma n) - x0|^2 over fresh noise. In the eigenbasis of the covariance every mode learns alone,

        w_k(tau) = w*_k + (w_k(0) - w*_k) exp(-2 eta tau (lambda_k + sigma^2)),  w*_k = lambda_k / (lambda_k + sigma^2),

    so that times scale as the inverse of lambda_k + sigma^2 [@WangPehlevan2025]. For a finite training set pass the
    eigenvalues of its own covariance (`fit`): the law is the same. tau counts steps of size `rate` (eta).

    Parameters
    ----------
    eigenvalues : array_like (k,)
        lambda_k >= 0 of the covariance of the data.
    sigma : float
        The noise level, > 0.
    rate : float, default 1.0
        eta > 0.
    initial : array_like, default 0.0
        w_k(0), one number or one per mode.

    Raises
    ------
    ArgumentError
        For negative eigenvalues or a rate that is not positive.
    ShapeError
        For eigenvalues that are not a list, or `initial` of another length.
    NoiseLevelError
        For sigma <= 0.

    Examples
    --------
    >>> theory = LinearLearning([4.0, 1.0, 0.25], sigma=0.5, rate=0.01)
    >>> theory.rates
    array([0.085, 0.025, 0.01 ])
    >>> [round(float(t), 2) for t in theory.time_to(0.5)]
    [8.15, 27.73, 69.31]
    """

    eigenvalues: np.ndarray
    sigma: float
    rate: float
    initial: np.ndarray

    def __init__(self, eigenvalues: ArrayLike, sigma: float, rate: float = 1.0, initial: ArrayLike = 0.0) -> None:
        modes = _eigenvalues(eigenvalues)
        start = check.float_array("initial", initial)
        if start.ndim > 0 and start.shape != modes.shape:
            raise ShapeError("initial", f"has shape {start.shape}", f"pass one number or {modes.shape}")
        object.__setattr__(self, "eigenvalues", modes)
        object.__setattr__(self, "sigma", check.positive_sigma("sigma", sigma))
        object.__setattr__(self, "rate", check.real("rate", rate, np.finfo(float).tiny))
        object.__setattr__(self, "initial", check.finite("initial", np.broadcast_to(start, modes.shape)))

    def __repr__(self) -> str:
        low, high = self.eigenvalues.min(), self.eigenvalues.max()
        modes = f"{len(self.eigenvalues)} modes, eigenvalues {low:.4g} to {high:.4g}"
        return f"LinearLearning({modes}, sigma={self.sigma:g}, rate={self.rate:g})"

    @classmethod
    def fit(cls, data: ArrayLike, sigma: float, rate: float = 1.0, initial: ArrayLike = 0.0) -> LinearLearning:
        """The theory of a training set: the modes of its covariance (divided by n).

        Parameters
        ----------
        data : array_like
            `(n, *event)`.
        sigma : float
            The noise level, > 0.
        rate : float, default 1.0
            eta > 0.
        initial : array_like, default 0.0
            w_k(0), one number or one per mode.

        Returns
        -------
        LinearLearning
            The theory, with one mode per dimension.
        """
        _, covariance = moments(check.dataset("data", data).flatten(1))
        return cls(covariance.spectrum.numpy(force=True), sigma, rate, initial)

    @property
    def curvature(self) -> np.ndarray:
        """`(k,)`: lambda + sigma^2, half the second derivative of the loss along each mode."""
        return self.eigenvalues + self.sigma**2

    @property
    def rates(self) -> np.ndarray:
        """`(k,)`: 2 eta (lambda + sigma^2), the inverse learning time of each mode."""
        return 2 * self.rate * self.curvature

    @property
    def optimum(self) -> np.ndarray:
        """`(k,)`: the Wiener gain lambda / (lambda + sigma^2)."""
        return self.eigenvalues / self.curvature

    def weights(self, times: ArrayLike) -> Array:
        """w_k(tau), the gain of each mode.

        Parameters
        ----------
        times : array_like
            Training times >= 0, any shape; inf is the optimum.

        Returns
        -------
        array
            `(*times, k)`.
        """
        tau = _times(times)[..., None]
        return self.optimum + (self.initial - self.optimum) * np.exp(-self.rates * tau)

    def reference(self, times: ArrayLike) -> Array:
        """`weights` by integrating dw/dtau = -eta dL/dw, L = (1 - w)^2 lambda + sigma^2 w^2, to twelve digits.

        Parameters
        ----------
        times : array_like
            Finite training times >= 0 in increasing order, `(n,)`.

        Returns
        -------
        array
            `(n, k)`.
        """
        tau = _times(times)

        def slope(_: float, w: np.ndarray) -> np.ndarray:
            return -self.rate * (-2 * (1 - w) * self.eigenvalues + 2 * self.sigma**2 * w)

        flow = integrate.solve_ivp(slope, (0.0, tau[-1]), self.initial, "DOP853", tau, rtol=1e-12, atol=1e-14)
        return flow.y.T

    def descent(self, steps: ArrayLike) -> Array:
        """The same for gradient descent in steps of finite size: exp(-r tau) becomes (1 - r)^steps.

        Parameters
        ----------
        steps : array_like
            Numbers of steps >= 0, any shape.

        Returns
        -------
        array
            `(*steps, k)`.

        Raises
        ------
        ArgumentError
            Where the step is too large to converge: rate < 1 / (lambda + sigma^2) is needed for every mode.
        """
        if bool((self.rates >= 2 * (1 - ROUNDING)).any()):
            limit = 1 / float(self.curvature.max())
            raise ArgumentError("rate", f"is {self.rate:.3g}, where descent diverges", f"pass a rate below {limit:.3g}")
        n = _times(steps)[..., None]
        return self.optimum + (self.initial - self.optimum) * (1 - self.rates) ** n

    def loss(self, times: ArrayLike) -> Array:
        """L(tau): the sum over modes of (lambda + sigma^2) (w - w*)^2 + sigma^2 w*.

        Parameters
        ----------
        times : array_like
            Training times >= 0, any shape.

        Returns
        -------
        array
            `(*times,)`.
        """
        error = self.weights(times) - self.optimum
        return (self.curvature * error**2 + self.optimum * self.sigma**2).sum(-1)

    def time_to(self, fraction: float) -> Array:
        """The time at which each mode has gone `fraction` of its way, ln(1 / (1 - fraction)) / rate.

        Parameters
        ----------
        fraction : float
            In [0, 1).

        Returns
        -------
        array
            `(k,)`.
        """
        fraction = check.real("fraction", fraction, 0.0, np.nextafter(1.0, 0.0))
        return -np.log1p(-fraction) / self.rates

    def emergence(self, fraction: float = 0.5) -> list[Transition]:
        """When each mode has gone `fraction` of its way, in training time.

        Parameters
        ----------
        fraction : float, default 0.5
            In [0, 1).

        Returns
        -------
        list of Transition
            One per mode.
        """
        equation = r"\tau_k = \ln\frac{1}{1-q} \, / \, 2\eta(\lambda_k + \sigma^2)"
        return [
            Law(f"learning of mode {k}", equation=equation, reference=REFERENCE, unit="training time").at(float(t))
            for k, t in enumerate(self.time_to(fraction))
        ]

    def generated_variance(self, times: ArrayLike, sigma_min: float = 0.002, sigma_max: float = 80.0) -> Array:
        """Variance of each mode of what the model generates after training time tau.

        All noise levels are trained next to each other and samples follow the probability flow from `sigma_max` to
        `sigma_min` ([@WangPehlevan2025], Proposition 4.2): sigma_max^2 Phi(sigma_min)^2 / Phi(sigma_max)^2 with

            Phi = sqrt(lambda + sigma^2) exp[(1 - Q) e^(-a lambda) Ei(-a sigma^2) / 2 - Ei(-a (sigma^2 + lambda)) / 2]

        for a = 2 eta tau and Q = w(0). `sigma` of this object plays no role here.

        Parameters
        ----------
        times : array_like
            Training times >= 0, any shape; inf is the trained model.
        sigma_min, sigma_max : float, default 0.002 and 80.0
            The ends of the flow.

        Returns
        -------
        array
            `(*times, k)`.
        """
        low, high = check.real("sigma_min", sigma_min, 1e-150), check.real("sigma_max", sigma_max, sigma_min)
        a = 2 * self.rate * _times(times)[..., None]
        trained = np.where(a == 0, 1.0, a)
        change = self._log_phi(trained, low) - self._log_phi(trained, high)
        untrained = (1 - self.initial) * np.log(low / high)
        return high**2 * np.exp(2 * np.where(a == 0, untrained, change))

    def _log_phi(self, a: np.ndarray, sigma: float) -> np.ndarray:
        first = (1 - self.initial) * np.exp(-a * np.maximum(self.eigenvalues, 1e-300)) * _ei(-a * sigma**2)
        second = _ei(-a * (sigma**2 + self.eigenvalues))
        return np.log(self.eigenvalues + sigma**2) / 2 + (first - second) / 2

    def generation(
        self, criterion: str = "geometric", sigma_min: float = 0.002, sigma_max: float = 80.0
    ) -> list[Transition]:
        """When each mode appears in the samples: halfway from its first to its last variance.

        Parameters
        ----------
        criterion : str, default "geometric"
            "geometric" (halfway in the logarithm) or "arithmetic".
        sigma_min, sigma_max : float, default 0.002 and 80.0
            The ends of the flow.

        Returns
        -------
        list of Transition
            One per mode, in training time; `value` is None for a mode whose variance does not change.
        """
        check.choice("criterion", criterion, HALFWAY)
        return [self._generation(k, criterion, sigma_min, sigma_max) for k in range(len(self.eigenvalues))]

    def _generation(self, k: int, criterion: str, sigma_min: float, sigma_max: float) -> Transition:
        mode = LinearLearning(self.eigenvalues[k], self.sigma, self.rate, self.initial[k])
        first, last = mode.generated_variance([0.0, np.inf], sigma_min, sigma_max)[:, 0]
        half = np.sqrt(first * last) if criterion == "geometric" else (first + last) / 2
        equation = r"\tilde\lambda_k(\tau) = " + HALFWAY[criterion]
        law = Law(f"generation of mode {k}", equation=equation, reference=REFERENCE, unit="training time")
        if np.isclose(first, last, rtol=1e-9, atol=0.0):
            return law.absent("its variance does not change")

        def missing(log_time: float) -> float:
            return float(np.log(mode.generated_variance(np.exp(log_time), sigma_min, sigma_max)[0] / half))

        unit_time = -np.log(2 * self.rate)
        low, high = unit_time - 2 * np.log(sigma_max) - 20, unit_time - 2 * np.log(sigma_min) + 20
        root = np.asarray(optimize.brentq(missing, low, high, xtol=1e-13))
        return law.at(float(np.exp(root)))

    @property
    def noise(self) -> NoiseLevel:
        """The noise level of the denoiser."""
        return NoiseLevel(self.sigma)


def _ei(value: np.ndarray) -> np.ndarray:
    """The exponential integral Ei at values <= 0; 0 at -inf."""
    return np.where(np.isinf(value), 0.0, special.expi(np.where(np.isinf(value), -1.0, value)))
