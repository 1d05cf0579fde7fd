"""The contract, and everything that follows from it.

A denoiser is any callable `denoiser(x, sigma) -> E[x0 | x]` for `x = x0 + sigma * n`, `n ~ N(0, I)`: `x` is a
floating-point tensor `(batch, *event)`, `sigma` a float or a tensor `(batch,)`, the result is like `x`. Score,
noise, velocity and posterior covariance are derived from it here and nowhere else.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch

from .._support import checks as check
from ..errors import NoiseLevelError


@runtime_checkable
class Denoiser(Protocol):
    """`denoiser(x, sigma) -> E[x0 | x]`; class-conditional ones also take `condition=`."""

    def __call__(self, x: torch.Tensor, sigma: Any) -> torch.Tensor: ...


def per_sample(sigma: Any, x: torch.Tensor) -> torch.Tensor:
    """`sigma` as a tensor that broadcasts over the event dimensions of `x`."""
    return check.sigmas("sigma", sigma, x).reshape(-1, *[1] * (x.ndim - 1))


def _positive(sigma: Any, x: torch.Tensor) -> torch.Tensor:
    sigma = per_sample(sigma, x)
    if not bool(((sigma > 0) & sigma.isfinite()).all()):
        raise NoiseLevelError(
            "sigma", "holds 0 or inf", "pass finite noise levels > 0: the quotient has no limit there"
        )
    return sigma


def score(denoiser: Denoiser, x: torch.Tensor, sigma: Any) -> torch.Tensor:
    """grad log p_sigma(x) = (D(x, sigma) - x) / sigma^2, the Tweedie-Miyasawa identity [@Efron2011].

    Raises NoiseLevelError unless 0 < sigma < inf.

    >>> x = torch.ones(1, 2, dtype=torch.float64)
    >>> score(lambda x, sigma: x / (1 + sigma**2), x, 1.0)
    tensor([[-0.5000, -0.5000]], dtype=torch.float64)
    """
    sigma = _positive(sigma, x)
    return (denoiser(x, sigma.flatten()) - x) / sigma**2


def noise_prediction(denoiser: Denoiser, x: torch.Tensor, sigma: Any) -> torch.Tensor:
    """E[n | x] = (x - D(x, sigma)) / sigma, which is also the probability-flow velocity dx/dsigma [@Karras2022]."""
    sigma = _positive(sigma, x)
    return (x - denoiser(x, sigma.flatten())) / sigma


def velocity(denoiser: Denoiser, x: torch.Tensor, sigma: Any, kind: str = "flow") -> torch.Tensor:
    """E[n - x0 | x] for `kind="flow"`; sqrt(abar) E[n | x] - sqrt(1 - abar) E[x0 | x] for "v" [@Salimans2022]."""
    check.choice("kind", kind, ("flow", "v"))
    sigma = _positive(sigma, x)
    denoised = denoiser(x, sigma.flatten())
    noise = (x - denoised) / sigma
    if kind == "flow":
        return noise - denoised
    return (noise - sigma * denoised) / torch.sqrt(1 + sigma**2)


def jacobian(denoiser: Denoiser, x: torch.Tensor, sigma: Any, create_graph: bool = False) -> torch.Tensor:
    """`(batch, d, d)`: dD_i/dx_j of each sample, d the number of entries of an event; one backward pass per row."""
    sigma = check.sigmas("sigma", sigma, x)
    with torch.enable_grad():
        x = x if create_graph and x.requires_grad else x.detach().requires_grad_()
        denoised = denoiser(x, sigma).flatten(1)
        rows = [
            torch.autograd.grad(row.sum(), x, retain_graph=True, create_graph=create_graph)[0].flatten(1)
            for row in denoised.unbind(1)
        ]
    return torch.stack(rows, dim=1)


def posterior_covariance(denoiser: Denoiser, x: torch.Tensor, sigma: Any) -> torch.Tensor:
    """Cov[x0 | x] = sigma^2 dD/dx as `(batch, d, d)`, the second-order Tweedie identity [@Efron2011]."""
    sigma = _positive(sigma, x).reshape(-1, 1, 1)
    return sigma**2 * jacobian(denoiser, x, sigma.flatten())


def with_condition(denoiser: Any, condition: Any) -> Denoiser:
    """The plain denoiser of a class-conditional one at `condition`."""

    def conditioned(x: torch.Tensor, sigma: Any) -> torch.Tensor:
        return denoiser(x, sigma, condition=condition)

    return conditioned
