"""The optimum of a Gaussian mixture, in the log domain throughout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self, cast, final

import torch
from torch import nn

from .._support import checks as check
from .._support.labels import class_codes
from .._support.streams import normal_batch, stream, stream_seed
from .._support.types import ArrayLike, Points, Sigma
from ..errors import ArgumentError, EmptyDataError, NoiseLevelError, ShapeError
from ._opaque import opaque
from .closed_form import ClosedFormModule
from .covariance import Covariance, moments


def _components(
    covariances: ArrayLike | Sequence[Covariance], count: int, dim: int, dtype: torch.dtype
) -> list[Covariance]:
    """The covariances of the components, whichever way they were given."""
    given = list(covariances) if isinstance(covariances, Sequence) else []
    components = [c for c in given if isinstance(c, Covariance)]
    if not components or len(components) != len(given):
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
        if tensor.ndim == 2 and tuple(tensor.shape) == (dim, dim) and (count != dim or _may_be_shared(tensor)):
            meant = f"expected ({count}, {dim}), a row of variances per component; got {(dim, dim)}"
            doubt = ", symmetric: one covariance that all components share ('tied')?"
            remedy = "pass [Covariance.full(shared)] * K for a shared one, torch.diag_embed(rows) for variances"
            raise ShapeError("covariances", meant + doubt, remedy)
        components = [builders[tensor.ndim](c) for c in tensor]
    dims = sorted({c.dim for c in components})
    if len(components) != count or dims != [dim]:
        raise ShapeError(
            "covariances",
            f"expected one of dimension {dim} per mean ({count}), got {len(components)} of dimension {dims}",
            "pass (K,), (K, d), (K, d, d) or a list of K Covariance",
        )
    return components


def _may_be_shared(square: torch.Tensor) -> bool:
    """Whether (d, d) numbers given for d components can be one covariance of all: symmetric, not all the same."""
    return len(square) > 1 and bool(torch.allclose(square, square.T)) and bool((square != square[0, 0]).any())


@final
class MixtureDenoiser(ClosedFormModule):
    """D(x, sigma) = sum_k r_k(x) [mu_k + C_k (C_k + sigma^2)^-1 (x - mu_k)], r_k ~ pi_k N(x; mu_k, C_k + sigma^2 I).

    The score approximation of [@Wang2024]. Defined for every sigma from 0 to inf, without NaN however far `x` lies
    from every mean.

    Parameters
    ----------
    weights : array (K,)
        Probabilities pi_k of the components.
    means : array (K, *event)
        Their means mu_k; the dtype is that of the theory.
    covariances : array (K,), (K, d), (K, d, d) or list of K Covariance
        Their covariances C_k: isotropic, diagonal, full, or for example low rank plus isotropic
        (`Covariance.low_rank`); d is the number of entries of an event. A symmetric (d, d) for K = d components is
        refused, because it may be one covariance that all share ("tied" in scikit-learn).

    Raises
    ------
    WeightsError
        Where weights are negative or do not sum to one.
    CovarianceError
        Unless every covariance is symmetric positive semi-definite.
    ShapeError
        Where shapes disagree.
    NotFiniteError
        On NaN or inf.

    Examples
    --------
    >>> D = MixtureDenoiser([0.5, 0.5], [[-1.0], [1.0]], [0.0, 0.0])
    >>> D
    MixtureDenoiser(components=2, event=(1,), float64, cpu)
    >>> D(torch.tensor([[0.5]], dtype=torch.float64), 1.0)
    tensor([[0.4621]], dtype=torch.float64)
    """

    means: torch.Tensor
    log_weights: torch.Tensor

    def __init__(self, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike | Sequence[Covariance]) -> None:
        super().__init__()
        means = check.dataset("means", means)
        weights = check.probabilities("weights", weights, means.shape[0]).to(means)
        dim = means[0].numel()
        self.register_buffer("means", means.clone())
        self.register_buffer("log_weights", weights.log())
        self._modules_of_components = nn.ModuleList(_components(covariances, means.shape[0], dim, means.dtype))

    @property
    def covariances(self) -> list[Covariance]:
        """The covariances of the components."""
        return cast("list[Covariance]", list(self._modules_of_components))

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one sample, that of a mean."""
        return tuple(self.means.shape[1:])

    @property
    def dtype(self) -> torch.dtype:
        """The dtype in which it computes."""
        return self.means.dtype

    @property
    def device(self) -> torch.device:
        """The device on which it computes."""
        return self.means.device

    def _facts(self) -> dict[str, object]:
        return {"components": len(self.means)}

    @classmethod
    def fit(
        cls,
        data: ArrayLike,
        labels: ArrayLike | None = None,
        n_components: int = 10,
        seed: int = 0,
        shrinkage: float = 1e-3,
    ) -> Self:
        """One Gaussian per label; without labels, `n_components` of them by expectation-maximisation (scikit-learn).

        Parameters
        ----------
        data : array (n, *event)
            Training data.
        labels : array (n,), optional
            The class of each datum, as a number or a name; data without one (-1, NaN, "") are refused.
        n_components : int
            How many components to find without labels.
        seed : int
            Where expectation-maximisation starts.
        shrinkage : float
            Fraction of the mean variance per dimension that is added to every covariance, so that a component with few
            data has full rank.

        Returns
        -------
        MixtureDenoiser
            In float64.
        """
        data = check.dataset("data", data, dtype=torch.float64)
        shrinkage = check.real("shrinkage", shrinkage, 0.0)
        flat = data.flatten(1)
        floor = shrinkage * float(flat.var(0, correction=0).mean())
        if labels is None:
            weights, means, covariances = _expectation_maximisation(flat, n_components, floor, seed)
        else:
            weights, means, covariances = _by_label(flat, labels, floor)
        return cls(weights, means.reshape(-1, *data.shape[1:]), covariances)

    def _components_of(self, x: Points, sigma: Sigma) -> tuple[list[torch.Tensor], torch.Tensor]:
        """The flat differences x - mu_k, and sigma `(batch,)`."""
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
        parts = [c.log_normal(u, positive) for c, u in zip(self.covariances, offsets, strict=True)]
        constant = torch.stack([constant for constant, _ in parts], dim=1)
        square = self._where_weighted(torch.stack([square for _, square in parts], dim=1))
        least = square.min(1, keepdim=True).values
        logits = self.log_weights + (constant - (square - least)) / 2
        if not check.holds(~vanishing):
            logits = torch.where(vanishing[:, None], self._limit_logits(offsets), logits)
        return logits, -least / 2

    def _where_weighted(self, square: torch.Tensor) -> torch.Tensor:
        """`square` of the components with a weight, inf for the others."""
        return torch.where(torch.isfinite(self.log_weights), square, torch.inf)

    def _limit_logits(self, offsets: list[torch.Tensor]) -> torch.Tensor:
        """sigma -> 0: least squared distance outside the range wins, then most dimensions there, then the density."""
        limits = [c.log_normal_limit(u) for c, u in zip(self.covariances, offsets, strict=True)]
        q = self._where_weighted(torch.stack([q for q, _, _ in limits], dim=1))
        null, rest = [count for _, count, _ in limits], torch.stack([rest for _, _, rest in limits], dim=1)
        rounding = 8 * torch.finfo(q.dtype).eps * max(c.dim for c in self.covariances)
        scale = torch.stack([u.square().sum(1) for u in offsets], dim=1)
        nearest = q.min(1, keepdim=True).values
        alive = q - nearest <= rounding * torch.maximum(nearest, scale)
        counts = torch.tensor(null, device=q.device).expand_as(q)
        most = torch.where(alive, counts, -1).max(1, keepdim=True).values
        logits = self.log_weights + rest
        return torch.where(alive & (counts == most), logits, torch.full_like(logits, -torch.inf))

    def responsibilities(self, x: Points, sigma: Sigma) -> torch.Tensor:
        """Posterior probability r_k(x) of each component.

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level, from 0 to inf.

        Returns
        -------
        tensor (batch, K)
            In the dtype of `x`; every row sums to one.
        """
        offsets, sigma = self._components_of(x, sigma)
        return torch.softmax(self._logits(offsets, sigma)[0], dim=1).to(x)

    @opaque
    def forward(self, x: Points, sigma: Sigma) -> Points:
        """The posterior mean.

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level, from 0 to inf.

        Returns
        -------
        tensor (batch, *event)
            E[x0 | x], like `x`.
        """
        offsets, sigma = self._components_of(x, sigma)
        responsibility = torch.softmax(self._logits(offsets, sigma)[0], dim=1)
        denoised = torch.zeros_like(offsets[0])
        for k, (covariance, mean) in enumerate(zip(self.covariances, self.means.flatten(1), strict=True)):
            denoised = denoised + responsibility[:, k, None] * (mean + covariance.wiener(offsets[k], sigma))
        return denoised.reshape(x.shape).to(x)

    def reference(self, x: Points, sigma: Sigma) -> Points:
        """sum_k r_k m_k, m_k and r_k by one linear system per sample and component, in float64 ([@Wang2024]).

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level, 0 < sigma < inf.

        Returns
        -------
        tensor (batch, *event), float64
            E[x0 | x].
        """
        flat, means = x.double().flatten(1), self.means.double().flatten(1)
        identity = torch.eye(means.shape[1], dtype=torch.float64, device=means.device)
        result = torch.zeros_like(flat)
        for i, s in enumerate(check.sigmas("sigma", sigma, flat)):
            logs, posteriors = [], []
            for log_pi, mu, covariance in zip(self.log_weights.double(), means, self.covariances, strict=True):
                C, u = covariance.dense().double(), flat[i] - mu
                solved = torch.linalg.solve(C + s**2 * identity, u)
                logs.append(log_pi - u @ solved / 2 - torch.logdet(C + s**2 * identity) / 2)
                posteriors.append(mu + C @ solved)
            result[i] = torch.softmax(torch.stack(logs), 0) @ torch.stack(posteriors)
        return result.reshape(x.shape)

    @opaque
    def log_density(self, x: Points, sigma: Sigma) -> torch.Tensor:
        """log sum_k pi_k N(x; mu_k, C_k + sigma^2 I).

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level, 0 < sigma < inf (NoiseLevelError elsewhere).

        Returns
        -------
        tensor (batch,)
            In nats, in the dtype of `x`.
        """
        offsets, sigma = self._components_of(x, sigma)
        if not check.holds((sigma > 0) & sigma.isfinite()):
            raise NoiseLevelError("sigma", "holds 0 or inf", "pass finite noise levels > 0")
        shared = offsets[0].shape[1] * (math.log(2 * math.pi) / 2 + sigma.log())
        logits, shift = self._logits(offsets, sigma)
        return (torch.logsumexp(logits + shift, dim=1) - shared).to(x)

    def sample(self, n: int, seed: int = 0) -> torch.Tensor:
        """Draws of the mixture; draw i does not depend on n.

        Parameters
        ----------
        n : int
            How many.
        seed : int
            Which ones.

        Returns
        -------
        tensor (n, *event)
            In the dtype and on the device of the theory.
        """
        n = check.integer("n", n, 1)
        uniform = torch.tensor([stream(seed, "mixture-component", i).random() for i in range(n)])
        edges = self.log_weights.double().exp().cumsum(0)
        chosen = torch.searchsorted(edges / edges[-1], uniform.to(edges), right=True).clamp(max=len(edges) - 1)
        z = normal_batch(seed, "mixture", range(n), (self.means[0].numel(),)).to(self.means)
        samples = self.means[chosen].clone()
        for k, covariance in enumerate(self.covariances):
            samples[chosen == k] += covariance.colour(z[chosen == k]).reshape(-1, *self.means.shape[1:])
        return samples


Fit = tuple[torch.Tensor, torch.Tensor, torch.Tensor | list[Covariance]]


def _by_label(flat: torch.Tensor, labels: ArrayLike, floor: float) -> Fit:
    """Weights, means and covariances of the classes."""
    codes = torch.from_numpy(class_codes("labels", labels, flat.shape[0]).codes).to(flat.device)
    groups = [flat[codes == code] for code in codes.unique()]
    fitted = [moments(group) for group in groups]
    weights = torch.tensor([len(group) / len(flat) for group in groups], dtype=flat.dtype)
    return weights, torch.stack([mean for mean, _ in fitted]), [_floored(c, floor) for _, c in fitted]


def _floored(covariance: Covariance, floor: float) -> Covariance:
    """C + floor I."""
    return Covariance(covariance.eigenvalues, covariance.basis, covariance.floor + floor, covariance.dim)


def _expectation_maximisation(flat: torch.Tensor, n_components: int, floor: float, seed: int) -> Fit:
    """Weights, means and covariances of `n_components` Gaussians by maximum likelihood."""
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
