r"""Gaussian classes of one covariance, in its eigenvectors: what data know about their class at a noise level.

All depends on the Gram matrix of the means in units of the noise, G_ij = mu_i^T (C + sigma^2)^-1 mu_j. Given that x is
of class k, the log odds are

    log r_j(x) = log pi_j + (L z)_j + G_jk - G_jj / 2 + const,   L L^T = G,   z ~ N(0, I),

so that K classes in any number of dimensions cost an average over K normal numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from scipy.special import log_softmax, xlogy

from ..._support import checks as check
from ..._support.labels import class_codes
from ..._support.streams import stream
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError
from ..covariance import Covariance, moments
from ..mixture import MixtureDenoiser
from ..transitions._two_classes import class_information
from ..transitions.roots import spectral_rounding

BLOCK = 4096  # images at a time


@dataclass(frozen=True, eq=False, repr=False)
class SharedClasses:
    """Gaussian classes of one covariance; build it by `of`.

    Parameters
    ----------
    names : tuple of int
        The class of each row of `means`.
    weights : array (K,)
        Their probabilities.
    means : array (K, r)
        Coefficients of their means on the eigenvectors along which they differ, their average removed.
    eigenvalues : array (r,)
        Variances along these.
    directions : tensor (d, r)
        The eigenvectors.
    total_variance : float
        The trace of the covariance, over all directions.
    residuals : tensor (n, d) or None
        The data less the mean of their class, for errors; None for a mixture, which is exact.
    members : array (n,) or None
        The row of `means` that each datum belongs to.

    Examples
    --------
    >>> mixture = MixtureDenoiser([0.5, 0.5], [[-2.0, 0.0], [2.0, 0.0]], [1.0, 1.0])
    >>> SharedClasses.of(mixture)
    SharedClasses(2 classes, 1 directions, a mixture)
    """

    names: tuple[int, ...]
    weights: Array
    means: Array
    eigenvalues: Array
    directions: torch.Tensor
    total_variance: float
    residuals: torch.Tensor | None = None
    members: Array | None = None

    def __repr__(self) -> str:
        source = "a mixture" if self.residuals is None else f"{len(self.residuals)} data"
        return f"SharedClasses({len(self.names)} classes, {len(self.eigenvalues)} directions, {source})"

    @classmethod
    def of(cls, source: ArrayLike | MixtureDenoiser | SharedClasses, labels: ArrayLike | None = None) -> SharedClasses:
        """Classes of data, their covariance being that within the classes, pooled; or of a mixture.

        Parameters
        ----------
        source : array (n, *event) or MixtureDenoiser
            Data with their labels; or a mixture whose components have one covariance.
        labels : array (n,), optional
            The class of each datum; needed for data.

        Returns
        -------
        SharedClasses
            In float64.

        Raises
        ------
        ArgumentError
            For data without labels, of one class only, or a mixture whose covariances differ.
        """
        if isinstance(source, SharedClasses):
            return source
        if isinstance(source, MixtureDenoiser):
            return cls._of_mixture(source)
        data = check.dataset("source", source, minimum=2)
        if labels is None:
            raise ArgumentError("labels", "are missing", "pass one class per datum, or a MixtureDenoiser as source")
        names, members = np.unique(class_codes("labels", labels, len(data)).codes, return_inverse=True)
        refuse_one_class("labels", len(names))
        rows = torch.from_numpy(members).to(data.device)
        residuals = data.flatten(1).to(torch.float64, copy=True)
        means = torch.zeros(len(names), residuals.shape[1]).to(residuals).index_add_(0, rows, residuals)
        counts = np.bincount(members)
        means /= torch.from_numpy(counts).to(means)[:, None]
        for block, row in zip(residuals.split(BLOCK), rows.split(BLOCK), strict=True):
            block -= means[row]
        classes = tuple(int(name) for name in names)
        return cls._in_eigenvectors(classes, counts / len(rows), means, moments(residuals)[1], residuals, members)

    @classmethod
    def _of_mixture(cls, mixture: MixtureDenoiser) -> Self:
        refuse_one_class("source", len(mixture.means))
        weights = mixture.log_weights.double().exp().numpy(force=True)
        if not (weights > 0).all():
            raise ArgumentError("source", "has a component without weight", "leave it out of the mixture")
        first, *others = (component.dense() for component in mixture.covariances)
        rounding = spectral_rounding(len(first), first.dtype) * float(first.abs().max())
        if any(float((first - other).abs().max()) > rounding for other in others):
            problem = "has components of different covariances"
            raise ArgumentError("source", problem, "pool them, [C] * K; or sample with a guided MixtureDenoiser")
        means = mixture.means.flatten(1).double()
        return cls._in_eigenvectors(tuple(range(len(means))), weights, means, mixture.covariances[0].double())

    @classmethod
    def _in_eigenvectors(
        cls,
        names: tuple[int, ...],
        weights: Array,
        means: torch.Tensor,
        covariance: Covariance,
        residuals: torch.Tensor | None = None,
        members: Array | None = None,
    ) -> Self:
        means = means - torch.from_numpy(weights).to(means) @ means
        basis = torch.eye(covariance.dim).to(means) if covariance.basis is None else covariance.basis
        variances, floor = covariance.eigenvalues + covariance.floor, covariance.floor
        if basis.shape[1] < covariance.dim:  # the rest of the means spans at most K - 1 more directions
            rest = means - (means @ basis) @ basis.T
            more, sizes, _ = torch.linalg.svd(rest.T, full_matrices=False)
            more = more[:, sizes > spectral_rounding(covariance.dim) * means.abs().max() * math.sqrt(covariance.dim)]
            basis = torch.cat([basis, more], 1)
            variances = torch.cat([variances, floor.expand(more.shape[1])])
        coefficients = means @ basis
        squares = coefficients.square().sum(0)
        alive = squares > max(1e-24, spectral_rounding(covariance.dim) ** 2) * squares.sum()
        if not bool(alive.any()):
            raise ArgumentError("source", "has classes of one mean", "pass classes that differ in their means")
        arrays = coefficients[:, alive].numpy(force=True), variances[alive].numpy(force=True)
        return cls(names, weights / weights.sum(), *arrays, basis[:, alive], covariance.trace, residuals, members)

    @property
    def entropy(self) -> float:
        """H(pi) in nats: all that there is to know about the class."""
        return float(-xlogy(self.weights, self.weights).sum())

    @property
    def scale(self) -> float:
        """The noise level at which the most distant mean parts from the average, as if the classes had no width."""
        return math.sqrt(float(np.square(self.means).sum(1).max()))

    def gram(self, sigma: float) -> Array:
        """G_ij = mu_i^T (C + sigma^2)^-1 mu_j.

        Parameters
        ----------
        sigma : float
            Noise level > 0.

        Returns
        -------
        array (K, K)
            Of the means less their average.
        """
        return (self.means / (self.eigenvalues + sigma**2)) @ self.means.T

    def information(self, sigma: float, n: int = 4096, seed: int = 0) -> tuple[float, float]:
        """I(k; x) in nats and the standard error of the average over `n` draws, 0 for two classes, by quadrature.

        Parameters
        ----------
        sigma : float
            Noise level > 0.
        n : int
            Number of draws, the same for every sigma.
        seed : int
            Seed of the draws.

        Returns
        -------
        (float, float)
            The information and its standard error.
        """
        gram = self.gram(sigma)
        if len(self.weights) == 2:
            squared = (gram[0, 0] + gram[1, 1] - 2 * gram[0, 1]) / 4
            return float(class_information(max(squared, 0.0), self.weights[0])), 0.0
        prior = np.log(self.weights)
        logs = posterior_logs(gram, prior, draws(len(prior), n, seed))
        terms = np.einsum("knj,knj,k->n", np.exp(logs), logs - prior, self.weights)
        return float(terms.mean()), float(terms.std(ddof=1) / math.sqrt(n))


def refuse_one_class(argument: str, n_classes: int) -> None:
    """ArgumentError where there is no second class to guide away from."""
    if n_classes < 2:
        raise ArgumentError(argument, f"hold {n_classes} class", "guidance needs two classes or more")


def draws(n_classes: int, n: int, seed: int) -> Array:
    """`(n, K)` standard normal numbers."""
    return stream(seed, "class information").standard_normal((check.integer("n", n, 2), n_classes))


def posterior_logs(gram: Array, prior: Array, z: Array) -> Array:
    """`(K, n, K)`: log r_j(x) on the last axis, for x of each class on the first."""
    eigenvalues, vectors = np.linalg.eigh(gram)
    field = z @ (vectors * np.sqrt(eigenvalues.clip(0))).T
    return np.asarray(log_softmax(prior + field[None] + (gram - np.diag(gram) / 2)[:, None], axis=-1))
