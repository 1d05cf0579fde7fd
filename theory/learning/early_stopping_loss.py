"""Finite training sets: the loss on new data, and when to stop [@WangPehlevan2025]."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import optimize

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ShapeError
from ..covariance import Covariance, moments
from ..transition import Law, Transition
from .linear import REFERENCE, ROUNDING, LinearLearning


def population_loss(
    rate: float,
    data: ArrayLike,
    population: ArrayLike | Covariance,
    sigma: float,
    times: ArrayLike,
    initial: float = 0.0,
) -> Array:
    """E|D - x0|^2 on new data, for a linear denoiser trained by gradient flow on the set `data`.

    W(tau) = U w(tau) U^T in the eigenbasis of the training covariance ([@WangPehlevan2025] on the sample), so that
    L = tr[(I - W) (C + m m^T) (I - W)^T] + sigma^2 tr[W W^T], with C `population` `(d, d)` and m the error of the
    training mean, 0 where `population` is a covariance about that mean.

    Parameters
    ----------
    rate : float
        eta > 0.
    data : array_like
        The training set, `(n, *event)`.
    population : array_like (d, d) or Covariance
        The covariance of new data about the training mean.
    sigma : float
        The noise level, > 0.
    times : array_like
        Training times >= 0, any shape; inf is the trained model.
    initial : float, default 0.0
        The weight of every mode at the start.

    Returns
    -------
    array
        `(*times,)`.

    Raises
    ------
    ShapeError
        Where the population has another dimension than the data.
    ArgumentError
        For a rate that is not positive, or negative times.

    Examples
    --------
    >>> data = [[1.0, 0.0], [-1.0, 0.0], [0.0, 0.5], [0.0, -0.5]]
    >>> population_loss(0.1, data, [[0.5, 0.0], [0.0, 0.125]], 0.5, [0.0, 10.0]).round(3).tolist()
    [0.625, 0.276]
    """
    flat = check.dataset("data", data, dtype=torch.float64).flatten(1)
    covariance = (
        population if isinstance(population, Covariance) else Covariance.full(population, argument="population")
    )
    if covariance.dim != flat.shape[1]:
        raise ShapeError(
            "population", f"has {covariance.dim} dimensions", f"pass one of {flat.shape[1]}, as the data have"
        )
    with check.speaking_of("data"):
        _, sample = moments(flat)
    rate, sigma = check.real("rate", rate, np.finfo(float).tiny), check.positive_sigma("sigma", sigma)
    initial = check.real("initial", initial, -check.LARGEST_SIGMA, check.LARGEST_SIGMA)
    learned = LinearLearning(sample.spectrum.numpy(force=True), sigma, rate, initial)
    basis = _full_basis(sample)
    projected = np.einsum("ij,jk,ki->i", basis.T, covariance.dense().double().numpy(force=True), basis)
    weights = learned.weights(times)
    return ((1 - weights) ** 2 * projected + sigma**2 * weights**2).sum(-1)


def _full_basis(covariance: Covariance) -> np.ndarray:
    """Orthonormal columns in the order of `spectrum`: those of the basis, then any completion."""
    if covariance.basis is None:
        return np.eye(covariance.dim)
    known = covariance.basis.double().numpy(force=True)
    full, _ = np.linalg.qr(np.concatenate([known, np.eye(covariance.dim)], axis=1))
    return np.concatenate([known, full[:, known.shape[1] :]], axis=1)


def early_stopping(
    rate: float, data: ArrayLike, population: ArrayLike | Covariance, sigma: float, initial: float = 0.0
) -> Transition:
    """The training time at which the loss on new data is least [@WangPehlevan2025].

    Parameters
    ----------
    rate : float
        eta > 0.
    data : array_like
        The training set, `(n, *event)`.
    population : array_like (d, d) or Covariance
        The covariance of new data about the training mean.
    sigma : float
        The noise level, > 0.
    initial : float, default 0.0
        The weight of every mode at the start.

    Returns
    -------
    Transition
        The time; `value` is None, with the reason in `note`, if the loss only falls or only rises.

    Raises
    ------
    ShapeError
        Where the population has another dimension than the data.
    ArgumentError
        For a rate that is not positive.

    Examples
    --------
    >>> data = [[1.0, 0.0], [-1.0, 0.0], [0.0, 0.5], [0.0, -0.5]]
    >>> print(early_stopping(0.1, data, [[0.5, 0.0], [0.0, 0.125]], 0.5))
    early stopping: no transition (the loss only falls)
    """
    rate, sigma = check.real("rate", rate, np.finfo(float).tiny), check.positive_sigma("sigma", sigma)
    slowest = 1 / (2 * rate * sigma**2)

    def loss(log_time: float) -> float:
        return float(population_loss(rate, data, population, sigma, np.exp(log_time), initial))

    grid = np.log(slowest) + np.linspace(-25, 4, 400)
    curve = population_loss(rate, data, population, sigma, np.exp(grid), initial)
    best = int(curve.argmin())
    equation = r"\partial_\tau L_{new}(\tau) = 0"
    law = Law("early stopping", equation=equation, reference=REFERENCE, unit="training time")
    ends = float(population_loss(rate, data, population, sigma, np.inf, initial))
    falls = best == len(grid) - 1 or ends <= curve[best] * (1 + ROUNDING)
    if falls or best == 0:
        return law.absent("the loss only falls" if falls else "the loss rises from the start")
    found: Any = optimize.minimize_scalar(loss, bracket=tuple(grid[best - 1 : best + 2]))
    return law.at(float(np.exp(found["x"])))
