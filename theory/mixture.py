"""The optimum of a Gaussian mixture, in the log domain throughout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn

from .._support import checks as check
from .._support.streams import normal_batch, stream, stream_seed
from ..errors import ArgumentError, EmptyDataError, NoiseLevelError, ShapeError
from .covariance import Covariance, moments


def _components(covariances: Any, count: int, dim: int, dtype: torch.dtype) -> list[Covariance]:
    if isinstance(covariances, Sequence) and all(isinstance(c, Covariance) for c in covariances):
        components = list(covariances)
    else:
        tensor = check.as_float_tensor("covariances", covariances, dtype)
        builders = {
            1: lambda c: Covariance.isotropic(c, dim),
            2: Covariance.diagonal,
            3: Covariance.full,
        }
        if tensor.ndim not in builders:
            raise ShapeError(
                "covariances",
                f"has shape {tuple(tensor.shape)}",
                "pass (K,), (K, d), (K, d, d) or a list of Covariance",
            )
        components = [builders[tensor.ndim](c) for c in tensor]
    if len(components) != count or any(c.dim != dim for c in components):
        raise ShapeError(
            "covariances",
            f"are {len(components)} of dimensions {sorted({c.dim for c in components})}",
            f"pass {count} of dimension {dim}, as the means have",
        )
    return components


class MixtureDenoiser(nn.Module):
    """D(x, sigma) = sum_k r_k(x) [mu_k + C_k (C_k + sigma^2)^-1 (x - mu_k)], r_k ~ pi_k N(x; mu_k, C_k + sigma^2 I).

    `weights` `(K,)`, `means` `(K, *event)`, `covariances` isotropic `(K,)`, diagonal `(K, d)`, full `(K, d, d)`, or a
    list of `Covariance` (low rank plus isotropic: `Covariance.low_rank`). The score approximation of [@Wang2024].
    Defined for every sigma from 0 to inf, without NaN however far `x` lies from every mean. Raises WeightsError,
    CovarianceError, ShapeError, NotFiniteError.

    >>> D = MixtureDenoiser([0.5, 0.5], [[-1.0], [1.0]], [0.0, 0.0])
    >>> D(torch.tensor([[0.5]], dtype=torch.float64), 1.0)
    tensor([[0.4621]], dtype=torch.float64)
    """

    means: torch.Tensor
    log_weights: torch.Tensor

    def __init__(self, weights: Any, means: Any, covariances: Any) -> None:
        super().__init__()
        means = check.dataset("means", means)
        weights = check.probabilities("weights", weights, means.shape[0]).to(means)
        dim = means[0].numel()
        self.register_buffer("means", means.clone())
        self.register_buffer("log_weights", weights.log())
        self._modules_of_components = nn.ModuleList(_components(covariances, means.shape[0], dim, means.dtype))

    @property
    def covariances(self) -> list[Covariance]:
        return cast("list[Covariance]", list(self._modules_of_components))

    @classmethod
    def fit(
        cls, data: Any, labels: Any = None, n_components: int = 10, seed: int = 0, shrinkage: float = 1e-3
    ) -> MixtureDenoiser:
        """One Gaussian per label; without labels, `n_components` of them by expectation-maximisation (scikit-learn).

        `shrinkage` (a fraction of the mean variance per dimension) is added to every covariance, so that a component
        with few data has full rank.
        """
        data = check.dataset("data", data, dtype=torch.float64)
        shrinkage = check.real("shrinkage", shrinkage, 0.0)
        flat = data.flatten(1)
        floor = shrinkage * float(flat.var(0, correction=0).mean())
        if labels is None:
            weights, means, covariances = _expectation_maximisation(flat, n_components, floor, seed)
        else:
            weights, means, covariances = _by_label(flat, torch.as_tensor(labels), floor)
        return cls(weights, means.reshape(-1, *data.shape[1:]), covariances)

    def _components_of(self, x: torch.Tensor, sigma: Any):
        check.batch("x", x, self.means.shape[1:])
        flat = x.to(self.means).flatten(1)
        offsets = [flat - mean for mean in self.means.flatten(1)]
        return offsets, check.sigmas("sigma", sigma, flat)

    def _logits(self, offsets: list[torch.Tensor], sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """log pi_k N(x; mu_k, C_k + sigma^2) = logits + shift + log N(0; 0, sigma^2 I), with the limits at 0 and inf.

        Returns `(logits, shift)`, `(batch, K)` and `(batch, 1)`; the shift keeps the squares from drowning the weights.
        """
        vanishing = sigma < torch.finfo(sigma.dtype).tiny ** 0.25
        positive = torch.where(vanishing, torch.ones_like(sigma), sigma)
        constant, square = zip(*(c.log_normal(u, positive) for c, u in zip(self.covariances, offsets)))
        square = self._where_weighted(torch.stack(square, dim=1))
        least = square.min(1, keepdim=True).values
        logits = self.log_weights + (torch.stack(constant, dim=1) - (square - least)) / 2
        if bool(vanishing.any()):
            logits = torch.where(vanishing[:, None], self._limit_logits(offsets), logits)
        return logits, -least / 2

    def _where_weighted(self, square: torch.Tensor) -> torch.Tensor:
        return torch.where(torch.isfinite(self.log_weights), square, torch.inf)

    def _limit_logits(self, offsets: list[torch.Tensor]) -> torch.Tensor:
        """sigma -> 0: least squared distance outside the range wins, then most dimensions there, then the density."""
        q, null, rest = zip(*(c.log_normal_limit(u) for c, u in zip(self.covariances, offsets)))
        q, rest = self._where_weighted(torch.stack(q, dim=1)), torch.stack(rest, dim=1)
        rounding = 8 * torch.finfo(q.dtype).eps * max(c.dim for c in self.covariances)
        scale = torch.stack([u.square().sum(1) for u in offsets], dim=1)
        nearest = q.min(1, keepdim=True).values
        alive = q - nearest <= rounding * torch.maximum(nearest, scale)
        counts = torch.tensor(null, device=q.device).expand_as(q)
        most = torch.where(alive, counts, -1).max(1, keepdim=True).values
        logits = self.log_weights + rest
        return torch.where(alive & (counts == most), logits, torch.full_like(logits, -torch.inf))

    def responsibilities(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        """`(batch, K)`: posterior probability of each component."""
        offsets, sigma = self._components_of(x, sigma)
        return torch.softmax(self._logits(offsets, sigma)[0], dim=1).to(x)

    def forward(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        offsets, sigma = self._components_of(x, sigma)
        responsibility = torch.softmax(self._logits(offsets, sigma)[0], dim=1)
        denoised = torch.zeros_like(offsets[0])
        for k, (covariance, mean) in enumerate(zip(self.covariances, self.means.flatten(1))):
            denoised = denoised + responsibility[:, k, None] * (mean + covariance.wiener(offsets[k], sigma))
        return denoised.reshape(x.shape).to(x)

    def log_density(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        """log sum_k pi_k N(x; mu_k, C_k + sigma^2 I) as `(batch,)`, for 0 < sigma < inf."""
        offsets, sigma = self._components_of(x, sigma)
        if not bool(((sigma > 0) & sigma.isfinite()).all()):
            raise NoiseLevelError("sigma", "holds 0 or inf", "pass finite noise levels > 0")
        shared = offsets[0].shape[1] * (math.log(2 * math.pi) / 2 + sigma.log())
        logits, shift = self._logits(offsets, sigma)
        return (torch.logsumexp(logits + shift, dim=1) - shared).to(x)

    def sample(self, n: int, seed: int = 0) -> torch.Tensor:
        """`(n, *event)` draws of the mixture; draw i does not depend on n."""
        n = check.integer("n", n, 1)
        uniform = torch.tensor([stream(seed, "mixture-component", i).random() for i in range(n)])
        edges = self.log_weights.double().exp().cumsum(0)
        chosen = torch.searchsorted(edges / edges[-1], uniform.to(edges), right=True).clamp(max=len(edges) - 1)
        z = normal_batch(seed, "mixture", range(n), (self.means[0].numel(),)).to(self.means)
        samples = self.means[chosen].clone()
        for k, covariance in enumerate(self.covariances):
            samples[chosen == k] += covariance.colour(z[chosen == k]).reshape(-1, *self.means.shape[1:])
        return samples


def _by_label(flat: torch.Tensor, labels: torch.Tensor, floor: float):
    if tuple(labels.shape) != (flat.shape[0],):
        raise ShapeError("labels", f"has shape {tuple(labels.shape)}", f"pass one label per datum ({flat.shape[0]},)")
    groups = [flat[labels == label] for label in labels.unique()]
    fitted = [moments(group) for group in groups]
    weights = torch.tensor([len(group) / len(flat) for group in groups], dtype=flat.dtype)
    return weights, torch.stack([mean for mean, _ in fitted]), [_floored(c, floor) for _, c in fitted]


def _floored(covariance: Covariance, floor: float) -> Covariance:
    return Covariance(covariance.eigenvalues, covariance.basis, covariance.floor + floor, covariance.dim)


def _expectation_maximisation(flat: torch.Tensor, n_components: int, floor: float, seed: int):
    from sklearn.mixture import GaussianMixture

    n_components = check.integer("n_components", n_components, 1)
    if n_components > flat.shape[0]:
        raise EmptyDataError("data", f"has {flat.shape[0]} items for {n_components} components", "ask for fewer")
    if floor <= 0:
        raise ArgumentError("shrinkage", "is 0, or the data do not vary", "pass a shrinkage > 0 and data that vary")
    model = GaussianMixture(
        n_components, reg_covar=floor, random_state=stream_seed(seed, "mixture-fit") % 2**32, init_params="k-means++"
    ).fit(flat.numpy(force=True))
    arrays = (model.weights_, model.means_, model.covariances_)
    weights, means, covariances = (torch.as_tensor(a, dtype=flat.dtype, device=flat.device) for a in arrays)
    return weights / weights.sum(), means, covariances
