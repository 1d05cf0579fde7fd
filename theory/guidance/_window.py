"""The noise levels between which the class is decided: where guidance acts, and where it is worth its cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import TypeAlias

import numpy as np
import torch
from scipy.optimize import brentq

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError
from ..mixture import MixtureDenoiser
from ..transition import Law, Transition
from ..transitions._cloning import classes as classes_of_mixture
from ..transitions._two_classes import class_information
from ..transitions.roots import ROUNDING, below, root, slope
from .shared_classes import SharedClasses, draws, posterior_logs, refuse_one_class

Pair: TypeAlias = tuple[int, int]
Information: TypeAlias = Callable[[float], tuple[float, float]]
"""I(k; x) in nats at a noise level, and its standard error."""
REFERENCE = "Biroli2024"


@dataclass(frozen=True)
class GuidanceWindow:
    """The noise levels between which the class of x is decided, each end a transition.

    Parameters
    ----------
    upper : Transition
        Where x begins to know its class, at most noise.
    lower : Transition
        Where the class is settled: guidance below changes nothing.
    pairs : mapping of (int, int) to GuidanceWindow
        The same for each pair of classes alone.

    Examples
    --------
    >>> mixture = MixtureDenoiser([0.5, 0.5], [[-4.0], [4.0]], [1.0, 1.0])
    >>> guidance_window(mixture).upper
    Transition(guidance sets in: 14.9 sigma (exact))
    """

    upper: Transition
    lower: Transition
    pairs: Mapping[Pair, GuidanceWindow] = field(default_factory=dict, repr=False)

    @property
    def interval(self) -> tuple[float, float]:
        """(lower, upper) in sigma: the interval to guide in; 0 and inf for an end that does not exist."""
        low, high = self.lower.value, self.upper.value
        return 0.0 if low is None else low, math.inf if high is None else high


def guidance_window(
    source: ArrayLike | MixtureDenoiser | SharedClasses,
    labels: ArrayLike | None = None,
    *,
    shares: tuple[float, float] = (0.05, 0.95),
    n: int = 4096,
    seed: int = 0,
) -> GuidanceWindow:
    r"""The noise levels where x holds 5 % and 95 % of the information on its class, in all and for each pair.

    \( I(k; x_\sigma) = \mathrm{share} \cdot H(k) \), I the class information of `class_information`, H the entropy of
    the classes. Data count as Gaussian classes of one covariance, that within the classes; a mixture may have any
    covariances.

    Parameters
    ----------
    source : array (n, *event), MixtureDenoiser or SharedClasses
        Data with labels; or a mixture, whose components are the classes.
    labels : array (n,), optional
        The class of each datum.
    shares : (float, float)
        The two shares of the information, 0 < first < second < 1.
    n : int
        Draws behind the information of three classes or more, and of two whose covariances differ.
    seed : int
        Seed of these draws.

    Returns
    -------
    GuidanceWindow
        In sigma and all other clocks. `stderr` of data is the sampling error of means and covariance, together with
        that of the draws; classes that overlap without noise have no lower end.

    Raises
    ------
    ArgumentError
        For shares out of order, data without labels, or one class only.

    Examples
    --------
    >>> mixture = MixtureDenoiser([0.5, 0.5], [[-4.0], [4.0]], [1.0, 1.0])
    >>> [round(sigma, 3) for sigma in guidance_window(mixture).interval]
    [1.486, 14.897]
    """
    ends = [check.real("shares", share, 0.0, 1.0) for share in check.items("shares", shares)]
    if len(ends) != 2:
        raise ArgumentError("shares", f"are {len(ends)} numbers", "pass two, such as 0.05, 0.95")
    first, second = ends
    check.seed("seed", seed)
    if not 0 < first < second < 1:
        raise ArgumentError("shares", f"are ({first:g}, {second:g})", "pass 0 < first < second < 1, such as 0.05, 0.95")
    n = check.integer("n", n, 2)
    if isinstance(source, MixtureDenoiser) and _differ(source):
        return _of_mixture(source, (first, second), n, seed)
    classes = SharedClasses.of(source, labels)
    pairs = dict(_pairs(classes, (first, second)))
    if len(classes.names) == 2:
        only = pairs[classes.names[0], classes.names[1]]
        return GuidanceWindow(_renamed(only.upper, "guidance sets in"), _renamed(only.lower, "guidance is done"), pairs)

    def stderr(sigma: float) -> float:
        return _sampling_error(classes, sigma, n, seed)

    information: Information = lambda sigma: classes.information(sigma, n, seed)  # noqa: E731
    upper, lower = _ends(information, classes.entropy, classes.scale, (first, second), stderr)
    return GuidanceWindow(upper, lower, pairs)


def _differ(mixture: MixtureDenoiser) -> bool:
    refuse_one_class("source", len(mixture.means))
    try:
        SharedClasses.of(mixture)
    except ArgumentError:
        return True
    return False


def _law(name: str, share: float) -> Law:
    return Law(name, equation=rf"I(k; x) = {share:g} H(k)", reference=REFERENCE, unit="sigma")


def _renamed(transition: Transition, name: str) -> Transition:
    from dataclasses import replace

    return replace(transition, name=name)


def _ends(
    information: Information,
    entropy: float,
    scale: float,
    shares: tuple[float, float],
    stderr: Callable[[float], float] = lambda _: 0.0,
    what: str = "guidance",
) -> tuple[Transition, Transition]:
    """(upper, lower) where the information passes the two shares of the entropy."""
    found = []
    for share, name in zip(shares, (f"{what} sets in", f"{what} is done"), strict=True):

        def excess(sigma: float, share: float = share) -> float:
            return information(sigma)[0] - share * entropy

        high = scale
        while excess(high) > 0:
            high *= 2
        low = below(excess, high, ROUNDING * entropy, halvings=60)
        law = _law(name, share)
        if low is None:
            found.append(law.absent(f"the classes overlap: never {share:.0%} of what there is to know"))
            continue
        sigma = root(excess, low, high, 1e-8)
        drawn = information(sigma)[1] / abs(slope(lambda s: information(s)[0], sigma))
        found.append(law.at(sigma, math.hypot(drawn, stderr(sigma))))
    return found[0], found[1]


def _of_mixture(mixture: MixtureDenoiser, shares: tuple[float, float], n: int, seed: int) -> GuidanceWindow:
    """Any covariances: the exact posterior of noised draws."""

    def window(rows: list[int], what: str) -> tuple[Transition, Transition]:
        weights = mixture.log_weights.double().exp()[rows]
        weights = weights / weights.sum()
        means = mixture.means[rows]
        part = MixtureDenoiser(weights, means, [mixture.covariances[row] for row in rows])
        entropy = float(-torch.special.xlogy(weights, weights).sum())
        scale = float((means - means.mean(0)).flatten(1).norm(dim=1).max())
        scale = scale or math.sqrt(max(component.trace for component in part.covariances))
        return _ends(classes_of_mixture(part, n, seed).information, entropy, scale, shares, what=what)

    every = list(range(len(mixture.means)))
    if not bool((mixture.log_weights > -torch.inf).all()):
        raise ArgumentError("source", "has a component without weight", "leave it out of the mixture")
    pairs = {(a, b): GuidanceWindow(*window([a, b], f"guidance {a} | {b}")) for a, b in combinations(every, 2)}
    return GuidanceWindow(*window(every, "guidance"), pairs)


def _sampling_error(classes: SharedClasses, sigma: float, n: int, seed: int) -> float:
    """Of the noise level at which the information has its value there, by the influence of each datum on it.

    dI / dG = E[diag(r) - r r^T] / 2, half the posterior covariance of the class (as for every Gaussian channel), and
    with y = (mu (C + sigma^2)^-1) e for the residual e of a datum of class k, G moves by its share in mu_k and in C.
    """
    if classes.residuals is None or classes.members is None:
        return 0.0
    inverse = 1 / (classes.eigenvalues + sigma**2)
    posterior = np.exp(posterior_logs(classes.gram(sigma), np.log(classes.weights), draws(len(classes.names), n, seed)))
    mean = np.einsum("k,knj->j", classes.weights, posterior) / n
    A = (np.diag(mean) - np.einsum("k,kni,knj->ij", classes.weights, posterior, posterior) / n) / 2
    y = _projected(classes, (classes.means * inverse).T)
    twice = y @ A
    squares = (twice * y).sum(1)
    own = twice[np.arange(len(y)), classes.members]
    influence = (2 * own / classes.weights[classes.members] - squares + squares.mean()) / len(y)
    steepness = 2 * sigma * float(np.sum(A * ((classes.means * inverse**2) @ classes.means.T)))
    return float(np.sqrt(np.square(influence).sum())) / steepness


def _projected(classes: SharedClasses, w: Array) -> Array:
    """`(n, k)`: the residuals of the data along `w` (r, k), given by its coefficients."""
    assert classes.residuals is not None
    return (classes.residuals @ (classes.directions @ torch.from_numpy(w))).numpy(force=True)


def _pairs(classes: SharedClasses, shares: tuple[float, float]) -> Iterator[tuple[Pair, GuidanceWindow]]:
    """Each pair alone: both ends are values of c^2 = m^T (C + sigma^2)^-1 m, m half the difference of the means."""
    rows = list(combinations(range(len(classes.names)), 2))
    half = np.array([(classes.means[a] - classes.means[b]) / 2 for a, b in rows])
    ends: list[list[Transition]] = []
    for share, what in zip(shares, ("sets in", "is done"), strict=True):
        laws = [_law(f"guidance {classes.names[a]} | {classes.names[b]} {what}", share) for a, b in rows]
        targets = [_target(classes.weights[a] / (classes.weights[a] + classes.weights[b]), share) for a, b in rows]
        sigmas = [_where(m, classes.eigenvalues, target) for m, target in zip(half, targets, strict=True)]
        errors = _pair_errors(classes, rows, half, sigmas)
        ends.append(
            [
                law.absent(f"the classes overlap: never {share:.0%} of what there is to know")
                if sigma is None
                else law.at(sigma, error)
                for law, sigma, error in zip(laws, sigmas, errors, strict=True)
            ]
        )
    for (a, b), upper, lower in zip(rows, *ends, strict=True):
        yield (classes.names[a], classes.names[b]), GuidanceWindow(upper, lower)


def _target(weight: float, share: float) -> float:
    """The c^2 at which two classes hold a share of the information."""
    entropy = -weight * math.log(weight) - (1 - weight) * math.log(1 - weight)

    def excess(log_squared: float) -> float:
        return float(class_information(math.exp(log_squared), weight)) - share * entropy

    return math.exp(float(brentq(excess, -40.0, 12.0, xtol=1e-13)))  # type: ignore[arg-type]


def _where(m: Array, eigenvalues: Array, target: float) -> float | None:
    """The noise level of a c^2, None where even sigma = 0 leaves less."""

    def excess(sigma: float) -> float:
        return float((m**2 / (eigenvalues + sigma**2)).sum()) - target

    highest = math.sqrt(float(m @ m) / target)  # as if C = 0
    if highest == 0:
        return None
    low = below(excess, highest, ROUNDING * target)
    return None if low is None else root(excess, low, highest * (1 + 1e-12))


def _pair_errors(classes: SharedClasses, rows: list[Pair], half: Array, sigmas: list[float | None]) -> Array:
    """d sigma = d c^2 / (2 sigma |w|^2), w = (C + sigma^2)^-1 m, by the influence of each datum on means and C."""
    if classes.residuals is None or classes.members is None:
        return np.zeros(len(rows))
    levels = np.array([np.nan if sigma is None else sigma for sigma in sigmas])[:, None]
    w = np.nan_to_num(half / (classes.eigenvalues + levels**2))
    y, n = _projected(classes, w.T), len(classes.members)
    influence = -(np.square(y) - np.square(y).mean(0)) / n
    counts = np.bincount(classes.members)
    for column, (a, b) in enumerate(rows):
        for sign, k in ((1, a), (-1, b)):
            chosen = classes.members == k
            influence[chosen, column] += sign * y[chosen, column] / counts[k]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(np.square(influence).sum(0)) / (2 * levels[:, 0] * np.square(w).sum(1))
