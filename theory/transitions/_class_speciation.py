r"""Speciation class by class: at which noise level do two classes of the data part?

For two Gaussian classes a, b of the covariance C and the half difference of means m = (mu_a - mu_b) / 2 the clones of
a trajectory agree with a probability phi that depends on c^2(sigma) = m^T (C + sigma^2 I)^-1 m alone (see `cloning`).
They part at

    c^2(sigma) = 1,    phi = 0.7752,

which for C = v I is |m|^2 e^-2t = Gamma_t and for late times the criterion |m|^2 e^-2t = 1 of [@Biroli2024]. No
transition where c^2(0) <= 1: such classes overlap without any noise. Unlike Lambda e^-2t = 1 this has no preferred
scale, and it takes into account how the classes vary along m.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import TypeAlias

import numpy as np
import torch

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, ShapeError
from .._scatter import BLOCK, mean_of
from ..covariance import Covariance
from ..mixture import MixtureDenoiser
from ..transition import Law, Transition
from ._class_means import ClassMeans
from ._spectrum import Spectrum, data_spectrum
from ._two_classes import Separation
from .roots import below, root

OVERLAP = "the classes overlap even without noise: c^2(0) <= 1"
EQUATION, REFERENCE = r"m^T (C + \sigma^2)^{-1} m = 1", "Biroli2024"
Pair: TypeAlias = tuple[int, int]


def _law(pair: Pair) -> Law:
    return Law(f"speciation {pair[0]} | {pair[1]}", equation=EQUATION, reference=REFERENCE, unit="sigma")


def _sigma(m: torch.Tensor, covariance: Covariance) -> float | None:
    """Where c^2 = 1; None where the classes overlap."""
    separation = Separation.of(m, covariance)
    if separation.overlap():
        return None

    def excess(sigma: float) -> float:
        return float(separation.squared(sigma)) - 1

    highest = math.sqrt(separation.squares.sum())  # as if C = 0
    return root(excess, below(excess, highest) or highest, highest * (1 + 1e-12))


def _of_mixture(mixture: MixtureDenoiser) -> dict[Pair, Transition]:
    weights, means = mixture.log_weights.exp(), mixture.means.flatten(1)
    pairs = zip(weights, mixture.covariances, strict=True)
    pooled = torch.stack([weight * component.dense() for weight, component in pairs]).sum(0)
    covariance = Covariance.full(pooled)
    found = {}
    for a, b in combinations(range(len(means)), 2):
        sigma = _sigma((means[a] - means[b]) / 2, covariance)
        found[a, b] = _law((a, b)).absent(OVERLAP) if sigma is None else _law((a, b)).at(sigma, 0.0)
    return found


def _of_data(data: torch.Tensor, labels: torch.Tensor, known: Spectrum | None) -> dict[Pair, Transition]:
    flat = data.flatten(1)
    classes = [int(label) for label in labels.unique()]
    members = {label: labels == label for label in classes}
    shares = torch.stack([members[label].double().mean() for label in classes])
    means = torch.stack([mean_of(flat[members[label]]) for label in classes])
    if known is None or known.basis is None or known.data is None:
        if bool((flat == flat[:1]).all()):
            return {pair: _law(pair).absent(OVERLAP) for pair in combinations(classes, 2)}
        known = data_spectrum(flat)
    found = ClassMeans.of(known, means, shares)
    pairs = {(a, b): found.pair(classes.index(a), classes.index(b)) for a, b in combinations(classes, 2)}
    sigmas = {pair: _parting(found, u) for pair, u in pairs.items()}
    parting = {pair: sigma for pair, sigma in sigmas.items() if sigma is not None}
    w = [found.resolved(pairs[pair], sigma) for pair, sigma in parting.items()]
    stderr = _stderr(flat, members, means, known, parting, np.array(w)) if parting else {}
    return {
        pair: _law(pair).absent(OVERLAP) if sigma is None else _law(pair).at(sigma, stderr[pair])
        for pair, sigma in sigmas.items()
    }


def _parting(found: ClassMeans, u: Array) -> float | None:
    """Where c^2 = 1; None where the classes overlap."""
    if found.overlap(u):
        return None

    def excess(sigma: float) -> float:
        return found.squared(u, sigma) - 1

    highest = found.length(u)  # as if C = 0
    return root(excess, below(excess, highest) or highest, highest * (1 + 1e-12))


def _stderr(
    flat: torch.Tensor,
    members: dict[int, torch.Tensor],
    means: torch.Tensor,
    known: Spectrum,
    sigmas: dict[Pair, float],
    w: Array,
) -> dict[Pair, float]:
    """By the influence of each datum on c^2, through the two means and through C, with w = (C + sigma^2)^-1 m.

    d c^2 = 2 w . dm - w^T dC w and d c^2 / d sigma^2 = -|w|^2, so that d sigma = d c^2 / (2 sigma |w|^2).
    """
    assert known.basis is not None
    directions = known.basis @ torch.from_numpy(w).to(known.basis).T
    projected = torch.cat([block.double() @ directions for block in flat.split(BLOCK)])
    rows = {label: member.nonzero().flatten() for label, member in members.items()}
    for label, mean in zip(members, means, strict=True):
        projected[rows[label]] -= mean @ directions
    found = {}
    for (a, b), w_, along in zip(sigmas, w, projected.T.contiguous(), strict=True):
        influence = -(along.square() - along.square().mean()) / len(flat)
        influence[rows[a]] += along[rows[a]] / len(rows[a])
        influence[rows[b]] -= along[rows[b]] / len(rows[b])
        found[a, b] = float(influence.square().sum().sqrt() / (2 * sigmas[a, b] * float((w_**2).sum())))
    return found


def class_speciation(
    source: ArrayLike | MixtureDenoiser, labels: ArrayLike | None = None, known: Spectrum | None = None
) -> dict[Pair, Transition]:
    r"""Where each pair of classes parts: \( c^2(\sigma) = m^T (C + \sigma^2)^{-1} m = 1 \) ([@Biroli2024]).

    Classes that overlap without noise, c^2(0) <= 1 up to the rounding of m and C, never part.

    Parameters
    ----------
    source : array_like or MixtureDenoiser
        Data `(n, *event)`, C being the covariance within the classes, pooled; or a mixture, whose components are the
        classes.
    labels : array_like, optional
        The class of each datum `(n,)`; needed for data.
    known : Spectrum, optional
        That of the same data, where it has been found already: it saves most of the time.

    Returns
    -------
    dict of (int, int) to Transition
        In sigma, for each pair (a, b) of classes, a < b. For data `stderr` is the sampling error of means and C; c^2
        itself is biased upwards by about tr[C (C + sigma^2)^-1] (1/n_a + 1/n_b) / 4.

    Raises
    ------
    ArgumentError
        For data without labels.
    ShapeError
        Where there is not one label per datum.

    Examples
    --------
    >>> mixture = MixtureDenoiser([0.5, 0.5], [[-2.0, 0.0], [2.0, 0.0]], [1.0, 1.0])
    >>> round(class_speciation(mixture)[0, 1].value ** 2, 9)
    3.0
    """
    if isinstance(source, MixtureDenoiser):
        return _of_mixture(source)
    data = check.dataset("source", source, minimum=2)
    if labels is None:
        raise ArgumentError("labels", "are missing", "pass one class per datum, or a MixtureDenoiser as source")
    labels = torch.as_tensor(labels, device=data.device)
    if tuple(labels.shape) != (len(data),):
        problem = f"expected one class per datum, shape ({len(data)},), got shape {tuple(labels.shape)}"
        raise ShapeError("labels", problem, "pass labels of shape (n,)")
    return _of_data(data, labels, known)
