"""Structured identity mapping: why unseen combinations of concepts are learned, forgotten and learned again.

Concept p = 1 ... s is a cluster around mu_p e_p with spread sigma_p along each concept axis; a network f is trained
to copy its input and is tried on the unseen combination z = sum_p mu_p e_p [@Yang2025]. With

    A = diag(a_p),  a_p = sigma_p^2 + mu_p^2 / s,  L = |(W - I) A^(1/2)|^2 / 2

one layer, f = W x, learns each concept alone. Two layers, f = U U^T x and W = U U^T, couple them: an entry w_12
between a strong and a weak concept first grows and later decays, and the loss at z falls, rises and falls again.

Two clocks. The field of the two-layer model as published, dW/dt = WA + AW - (AW^2 + W^2 A + 2 WAW) / 2, is half of
the gradient flow dU/dt = -grad L: `clock="paper"` is the published time, `clock="gradient flow"` the time of that
flow, and paper time = 2 x gradient-flow time. For one layer the published time is that of the flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, ShapeError
from ..transition import Law, Transition

REFERENCE = "Yang2025"
CLOCKS = {"paper": 1.0, "gradient flow": 2.0}
EPS = float(np.finfo(np.float64).eps)


def _vector(argument: str, value: ArrayLike, size: int | None = None) -> np.ndarray:
    """`value` as one finite number per concept."""
    array = check.finite(argument, check.float_array(argument, value))
    if array.ndim == 0 and size is not None:
        array = np.full(size, float(array))
    if array.ndim != 1 or array.size == 0 or (size is not None and array.size != size):
        raise ShapeError(argument, f"has shape {array.shape}", "pass one number per concept")
    return array


@dataclass(frozen=True, eq=False, init=False, repr=False)
class SwingBy:
    """The two models on `s` concepts with signals `means` (mu_p) and `spreads` (sigma_p) [@Yang2025].

    Times are in the given `clock`; that of one layer is the same in both.

    Parameters
    ----------
    means : array_like (s,)
        mu_p, the signal of each concept.
    spreads : array_like
        sigma_p, one number or one per concept.
    initial : array_like, default 0.0
        W(0), `(s, s)`, or a number times the identity; two layers need it symmetric positive semi-definite.
    clock : str, default "paper"
        "paper" (published time) or "gradient flow".

    Raises
    ------
    ShapeError
        For means, spreads or W(0) of the wrong shape.
    UnknownNameError
        For another clock.
    NotFiniteError
        For values that are not finite.

    Examples
    --------
    >>> theory = SwingBy([1.0, 2.0], 0.05, [[1e-3, 9e-4], [9e-4, 1e-3]])
    >>> theory.strength
    array([0.5025, 2.0025])
    >>> fall, rise = theory.turning_points()
    >>> round(fall, 2), round(rise, 2)
    (2.4, 4.35)
    """

    means: np.ndarray
    spreads: np.ndarray
    initial: np.ndarray
    clock: str

    def __init__(self, means: ArrayLike, spreads: ArrayLike, initial: ArrayLike = 0.0, clock: str = "paper") -> None:
        signals = _vector("means", means)
        start = check.finite("initial", check.float_array("initial", initial))
        size = len(signals)
        if start.ndim == 0:
            start = float(start) * np.eye(size)
        if start.shape != (size, size):
            raise ShapeError("initial", f"has shape {start.shape}", f"pass W(0) as ({size}, {size})")
        object.__setattr__(self, "means", signals)
        object.__setattr__(self, "spreads", _vector("spreads", spreads, size))
        object.__setattr__(self, "initial", start)
        object.__setattr__(self, "clock", check.choice("clock", clock, CLOCKS))

    def __repr__(self) -> str:
        low, high = self.strength.min(), self.strength.max()
        return f"SwingBy({len(self.means)} concepts, strength {low:.4g} to {high:.4g}, {self.clock} time)"

    @property
    def strength(self) -> np.ndarray:
        """`(s,)`: a_p = sigma_p^2 + mu_p^2 / s."""
        return self.spreads**2 + self.means**2 / len(self.means)

    def _paper_times(self, times: ArrayLike, layers: int) -> np.ndarray:
        array = check.float_array("times", times)
        if array.size == 0 or not bool(np.isfinite(array).all()) or bool((array < 0).any()):
            raise ArgumentError("times", "holds negative or infinite values", "pass training times >= 0")
        return array * (CLOCKS[self.clock] if layers == 2 else 1.0)

    def _check_symmetric(self) -> None:
        rounding = 1e-12 * np.abs(self.initial).max()
        symmetric = np.abs(self.initial - self.initial.T).max() <= rounding
        if not symmetric or np.linalg.eigvalsh(self.initial).min() < -rounding:
            raise ArgumentError("initial", "is not symmetric positive semi-definite", "pass W(0) = U U^T")

    def one_layer(self, times: ArrayLike) -> Array:
        """W(t) = I + (W(0) - I) exp(-A t) (Theorem 4.1): exact.

        Parameters
        ----------
        times : array_like
            Finite training times >= 0 in this `clock`, any shape.

        Returns
        -------
        array
            `(*times, s, s)`.
        """
        decay = np.exp(-self.strength * self._paper_times(times, 1)[..., None])
        identity = np.eye(len(self.means))
        return identity + (self.initial - identity) * decay[..., None, :]

    def field(self, weights: np.ndarray) -> np.ndarray:
        """dW/dt of two layers in this `clock`.

        Parameters
        ----------
        weights : array (..., s, s)
            W.

        Returns
        -------
        array (..., s, s)
            dW/dt.
        """
        A, W = np.diag(self.strength), check.float_array("weights", weights)
        paper = W @ A + A @ W - (A @ W @ W + W @ W @ A + 2 * W @ A @ W) / 2
        return CLOCKS[self.clock] * paper

    def two_layer(self, times: ArrayLike) -> Array:
        """W(t) of two layers by integrating the field to twelve digits: any number of concepts.

        Parameters
        ----------
        times : array_like
            Finite training times >= 0 in this `clock`, any shape.

        Returns
        -------
        array
            `(*times, s, s)`.

        Raises
        ------
        ArgumentError
            Where W(0) is not symmetric positive semi-definite.
        """
        from scipy.integrate import solve_ivp

        self._check_symmetric()
        wanted = self._paper_times(times, 2) / CLOCKS[self.clock]
        size = len(self.means)
        grid, inverse = np.unique(wanted, return_inverse=True)
        flow = lambda _, w: self.field(w.reshape(size, size)).ravel()  # noqa: E731
        end = max(float(grid[-1]), np.finfo(float).tiny)
        solved = solve_ivp(flow, (0.0, end), self.initial.ravel(), "DOP853", grid, rtol=1e-12, atol=1e-15)
        return solved.y.T.reshape(-1, size, size)[inverse.ravel()].reshape(*wanted.shape, size, size)

    def reference(self, times: ArrayLike, layers: int = 2) -> Array:
        """W(t) by integrating the gradient flow of L = |(W - I) A^(1/2)|^2 / 2 on the weights of the network.

        One layer follows dW/dt = -(W - I) A; two layers follow dU/dt = -(M A + A M) U with M = U U^T - I.

        Parameters
        ----------
        times : array_like (n,)
            Finite training times >= 0 in this `clock`, in increasing order.
        layers : int, default 2
            1 or 2.

        Returns
        -------
        array (n, s, s)
            W(t).
        """
        from scipy.integrate import solve_ivp

        A, identity = np.diag(self.strength), np.eye(len(self.means))
        flow_times = self._paper_times(times, layers) / (CLOCKS["gradient flow"] if layers == 2 else 1.0)
        values, vectors = np.linalg.eigh(self.initial)
        start = vectors * np.sqrt(np.maximum(values, 0.0)) if layers == 2 else self.initial

        def descend(_: float, flat: np.ndarray) -> np.ndarray:
            U = flat.reshape(start.shape)
            miss = (U @ U.T if layers == 2 else U) - identity
            return -((miss @ A + A @ miss) @ U if layers == 2 else miss @ A).ravel()

        solved = solve_ivp(descend, (0.0, flow_times[-1]), start.ravel(), "DOP853", flow_times, rtol=1e-12, atol=1e-14)
        found = solved.y.T.reshape(-1, *start.shape)
        return found @ found.swapaxes(-1, -2) if layers == 2 else found

    def diagonal(self, times: ArrayLike) -> Array:
        """w_ii(t) = 1 / (1 + (1 / w_ii(0) - 1) e^(-2 a_i t)): exact where W(0) is diagonal.

        Parameters
        ----------
        times : array_like
            Finite training times >= 0 in this `clock`, any shape.

        Returns
        -------
        array
            `(*times, s)`.

        Raises
        ------
        ArgumentError
            Where W(0) is not symmetric positive semi-definite, or has a zero on its diagonal.
        """
        return _logistic(self._starts(), self.strength, self._paper_times(times, 2)[..., None])

    def _starts(self) -> np.ndarray:
        self._check_symmetric()
        starts = np.diag(self.initial)
        if bool((starts <= 0).any()):
            raise ArgumentError(
                "initial", "has a zero on its diagonal, which two layers never leave", "pass w_ii(0) > 0"
            )
        return starts

    def closed_form(self, times: ArrayLike) -> Array:
        """W(t) of two layers and two concepts in closed form.

        The strong concept b follows the logistic curve, the coupling

            w_12(t) = w_12(0) e^((a_1 + a_2) t) prod_i [1 + w_ii(0) (e^(2 a_i t) - 1)]^(-(3 a_i + a_j) / (4 a_i)),

        and the weak one s its Schur complement, w_ss = w_12^2 / w_bb + logistic(w_ss(0) - w_12(0)^2 / w_bb(0)).
        Feedback of the coupling on the diagonal is left out: the error is of the order of the entries of W(0).

        Parameters
        ----------
        times : array_like
            Finite training times >= 0 in this `clock`, any shape.

        Returns
        -------
        array
            `(*times, 2, 2)`.

        Raises
        ------
        ArgumentError
            For another number of concepts, or a W(0) that is not symmetric positive semi-definite with a positive
            diagonal.
        """
        if len(self.means) != 2:
            raise ArgumentError("means", f"expected 2 concepts, got {len(self.means)}", "two_layer() takes any number")
        starts, t = self._starts(), self._paper_times(times, 2)
        a, big = self.strength, int(self.strength.argmax())
        small = 1 - big
        growth = sum((3 * a[i] + a[1 - i]) / (4 * a[i]) * _log_growth(starts[i], 2 * a[i] * t) for i in (0, 1))
        coupling = self.initial[0, 1] * np.exp(a.sum() * t - growth)
        strong = _logistic(starts[big], a[big], t)
        rest = starts[small] - self.initial[0, 1] ** 2 / starts[big]
        weak = coupling**2 / strong + (_logistic(rest, a[small], t) if rest > 8 * EPS * starts[small] else 0.0)
        weights = np.empty((*t.shape, 2, 2))
        weights[..., big, big], weights[..., small, small] = strong, weak
        weights[..., 0, 1] = weights[..., 1, 0] = coupling
        return weights

    def loss(self, weights: ArrayLike) -> Array:
        """|W z - z|^2 / 2 at the unseen combination z = mu.

        Parameters
        ----------
        weights : array_like (..., s, s)
            W.

        Returns
        -------
        array (...,)
            The loss.
        """
        miss = np.asarray(weights) @ self.means - self.means
        return (miss**2).sum(-1) / 2

    def emergence(self, layers: int = 1, fraction: float = 0.5) -> list[Transition]:
        """When each concept alone has been learned to `fraction`, in training time of the given clock.

        One layer from 0: ln(1 / (1 - q)) / a_p. Two layers: ln[(1 / w_pp(0) - 1) q / (1 - q)] / (2 a_p).

        Parameters
        ----------
        layers : int, default 1
            1 or 2.
        fraction : float, default 0.5
            q, inside (0, 1).

        Returns
        -------
        list of Transition
            One per concept.
        """
        fraction = check.real("fraction", fraction, np.finfo(float).tiny, np.nextafter(1.0, 0.0))
        check.integer("layers", layers, 1, 2)
        if layers == 1:
            times, equation = -np.log1p(-fraction) / self.strength, r"t_p = \ln\frac{1}{1-q} / a_p"
        else:
            odds = (1 / self._starts() - 1) * fraction / (1 - fraction)
            times = np.log(odds) / (2 * self.strength) / CLOCKS[self.clock]
            equation = r"t_p = \frac{1}{2 a_p} \ln\left[\left(\frac{1}{w_{pp}(0)} - 1\right) \frac{q}{1-q}\right]"
        return [
            Law(f"concept {p}", equation=equation, reference=REFERENCE, unit=f"{self.clock} time").at(float(t))
            for p, t in enumerate(times)
        ]

    def turning_points(self) -> tuple[float, float] | None:
        """When the loss at z has its first minimum and the maximum after it, for two concepts.

        Returns
        -------
        tuple of two float, or None
            The two times in this `clock`; None without a bump.
        """
        from scipy.optimize import minimize_scalar

        end = 4 * max(float(t.value or 0.0) for t in self.emergence(2, 0.9))
        grid = np.linspace(0.0, end, 4001)
        curve = self.loss(self.closed_form(grid))
        change = np.diff(curve)
        error = 16 * EPS * float(np.linalg.norm(self.means))  # of W z - z; a smaller change of the loss is rounding
        slope = np.where(np.abs(change) > error * (np.sqrt(2 * curve[1:]) + error), np.sign(change), 0.0)
        falls = np.flatnonzero((slope[:-1] < 0) & (slope[1:] > 0)) + 1
        rises = np.flatnonzero((slope[:-1] > 0) & (slope[1:] < 0)) + 1
        rises = rises[rises > falls[0]] if len(falls) else rises
        if len(falls) == 0 or len(rises) == 0:
            return None

        def refine(k: int, sign: float) -> float:
            signed = lambda t: sign * float(self.loss(self.closed_form(t)))  # noqa: E731
            found: Any = minimize_scalar(signed, bracket=tuple(grid[k - 1 : k + 2]))
            return float(np.asarray(found["x"]))

        return refine(falls[0], 1.0), refine(rises[0], -1.0)


def _logistic(start: float | np.ndarray, strength: float | np.ndarray, t: np.ndarray) -> np.ndarray:
    """1 / (1 + (1 / start - 1) e^(-2 strength t))."""
    return 1 / (1 + (1 / np.asarray(start) - 1) * np.exp(-2 * np.asarray(strength) * t))


def _log_growth(start: float, exponent: np.ndarray) -> np.ndarray:
    """log[1 + start (e^exponent - 1)] without overflow."""
    return np.logaddexp(np.log1p(-start) if start < 1 else -np.inf, np.log(start) + exponent)
