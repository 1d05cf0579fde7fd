"""The contract, and everything that follows from it.

A denoiser is any callable `denoiser(x, sigma) -> E[x0 | x]` for `x = x0 + sigma * n`, `n ~ N(0, I)`: `x` is a
floating-point tensor `(batch, *event)`, `sigma` a float or a tensor `(batch,)`, the result is like `x`. Score,
noise, velocity and posterior covariance are derived from it here and nowhere else.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch

from .._support import checks as check
from .._support.shapes import per_row
from .._support.types import ArrayLike, Points, Sigma
from ..errors import NoiseLevelError, ShapeError


@runtime_checkable
class Denoiser(Protocol):
    """What a denoiser is: `denoiser(x, sigma) -> E[x0 | x]`; class-conditional ones also take `condition=`.

    A protocol: nothing derives from it, any such callable is one. `isinstance` only asks whether it is callable.

    Examples
    --------
    >>> shrink = lambda x, sigma: x / (1 + sigma**2)
    >>> isinstance(shrink, Denoiser)
    True
    """

    def __call__(self, x: Points, sigma: Sigma, /) -> Points: ...


class _Conditional(Protocol):
    """`denoiser(x, sigma, condition=c)`, the posterior mean given also a class or another condition."""

    def __call__(self, x: Points, sigma: Sigma, /, *, condition: ArrayLike) -> Points: ...


def per_sample(sigma: Sigma, x: Points) -> torch.Tensor:
    """`sigma` as a tensor that broadcasts over the event dimensions of `x`.

    Parameters
    ----------
    sigma : float or tensor (batch,)
        Noise level, 0 or more.
    x : tensor (batch, *event)
        Points.

    Returns
    -------
    tensor (batch, 1, ..., 1)
        In the dtype and on the device of `x`.

    Raises
    ------
    NoiseLevelError
        Where sigma is negative or NaN.
    ShapeError
        Unless sigma is one number or one per sample.

    Examples
    --------
    >>> per_sample(0.5, torch.zeros(2, 3)).shape
    torch.Size([2, 1])
    """
    return per_row(check.sigmas("sigma", sigma, x), x)


def _positive(denoiser: object, sigma: Sigma, x: Points) -> torch.Tensor:
    """`sigma` `(batch, 1, ..., 1)`, if the quotients have a limit there and the rest can be worked with."""
    check.function("denoiser", denoiser, "denoiser(x, sigma)")
    check.finite("x", check.batch("x", x, x.shape[1:] if isinstance(x, torch.Tensor) else ()))
    levels = per_sample(sigma, x)
    squares = levels.square()
    if not bool(((squares > 0) & squares.isfinite()).all()):
        problem = f"holds 0, inf, or a level whose square is none in {levels.dtype}"
        raise NoiseLevelError("sigma", problem, "pass noise levels > 0: the quotient has no limit there")
    return levels


def score(denoiser: Denoiser, x: Points, sigma: Sigma) -> torch.Tensor:
    """grad log p_sigma(x) = (D(x, sigma) - x) / sigma^2, the Tweedie-Miyasawa identity [@Efron2011].

    Parameters
    ----------
    denoiser : Denoiser
        The posterior mean.
    x : tensor (batch, *event)
        Noisy points.
    sigma : float or tensor (batch,)
        Noise level, 0 < sigma < inf.

    Returns
    -------
    tensor (batch, *event)
        The score, like `x`.

    Raises
    ------
    NoiseLevelError
        Unless 0 < sigma < inf.

    Examples
    --------
    >>> x = torch.ones(1, 2, dtype=torch.float64)
    >>> score(lambda x, sigma: x / (1 + sigma[:, None] ** 2), x, 1.0)
    tensor([[-0.5000, -0.5000]], dtype=torch.float64)
    """
    level = _positive(denoiser, sigma, x)
    return (denoiser(x, level.flatten()) - x) / level**2


def noise_prediction(denoiser: Denoiser, x: Points, sigma: Sigma) -> torch.Tensor:
    """E[n | x] = (x - D(x, sigma)) / sigma, which is also the probability-flow velocity dx/dsigma [@Karras2022].

    Parameters
    ----------
    denoiser : Denoiser
        The posterior mean.
    x : tensor (batch, *event)
        Noisy points.
    sigma : float or tensor (batch,)
        Noise level, 0 < sigma < inf.

    Returns
    -------
    tensor (batch, *event)
        The expected noise, like `x`.

    Raises
    ------
    NoiseLevelError
        Unless 0 < sigma < inf.

    Examples
    --------
    >>> x = torch.ones(1, 2, dtype=torch.float64)
    >>> noise_prediction(lambda x, sigma: x / (1 + sigma[:, None] ** 2), x, 1.0)
    tensor([[0.5000, 0.5000]], dtype=torch.float64)
    """
    level = _positive(denoiser, sigma, x)
    return (x - denoiser(x, level.flatten())) / level


def velocity(denoiser: Denoiser, x: Points, sigma: Sigma, kind: str = "flow") -> torch.Tensor:
    """E[n - x0 | x] for `kind="flow"`; sqrt(abar) E[n | x] - sqrt(1 - abar) E[x0 | x] for "v" [@Salimans2022].

    Parameters
    ----------
    denoiser : Denoiser
        The posterior mean.
    x : tensor (batch, *event)
        Noisy points.
    sigma : float or tensor (batch,)
        Noise level, 0 < sigma < inf.
    kind : "flow" or "v"
        Which velocity: of the straight interpolation, or the "v" of variance-preserving processes.

    Returns
    -------
    tensor (batch, *event)
        The velocity, like `x`.

    Raises
    ------
    NoiseLevelError
        Unless 0 < sigma < inf.
    UnknownNameError
        On another `kind`.

    Examples
    --------
    >>> x = torch.ones(1, 2, dtype=torch.float64)
    >>> velocity(lambda x, sigma: x / (1 + 3 * sigma[:, None] ** 2), x, 1.0)
    tensor([[0.5000, 0.5000]], dtype=torch.float64)
    """
    check.choice("kind", kind, ("flow", "v"))
    level = _positive(denoiser, sigma, x)
    denoised = denoiser(x, level.flatten())
    noise = (x - denoised) / level
    if kind == "flow":
        return noise - denoised
    return (noise - level * denoised) / torch.sqrt(1 + level**2)


def jacobian(denoiser: Denoiser, x: Points, sigma: Sigma, create_graph: bool = False) -> torch.Tensor:
    """dD_i/dx_j of each sample, one backward pass per row.

    Parameters
    ----------
    denoiser : Denoiser
        The posterior mean.
    x : tensor (batch, *event)
        Noisy points.
    sigma : float or tensor (batch,)
        Noise level, of which the denoiser knows the limit.
    create_graph : bool
        Whether the result can be differentiated again.

    Returns
    -------
    tensor (batch, d, d)
        d is the number of entries of an event.

    Raises
    ------
    NoiseLevelError
        Where sigma is negative or NaN.

    Examples
    --------
    >>> x = torch.ones(1, 2, dtype=torch.float64)
    >>> jacobian(lambda x, sigma: x.flip(1) / (1 + sigma[:, None] ** 2), x, 1.0)
    tensor([[[0.0000, 0.5000],
             [0.5000, 0.0000]]], dtype=torch.float64)
    """
    levels = check.sigmas("sigma", sigma, x)
    if x.ndim < 2:
        raise ShapeError("x", f"has shape {tuple(x.shape)}", "pass points (batch, *event)")
    with torch.enable_grad():
        x = x if create_graph and x.requires_grad else x.detach().requires_grad_()
        denoised = denoiser(x, levels).flatten(1)
        rows = [
            torch.autograd.grad(row.sum(), x, retain_graph=True, create_graph=create_graph)[0].flatten(1)
            for row in denoised.unbind(1)
        ]
    return torch.stack(rows, dim=1)


def posterior_covariance(denoiser: Denoiser, x: Points, sigma: Sigma) -> torch.Tensor:
    """Cov[x0 | x] = sigma^2 dD/dx, the second-order Tweedie identity [@Efron2011].

    Parameters
    ----------
    denoiser : Denoiser
        The posterior mean.
    x : tensor (batch, *event)
        Noisy points.
    sigma : float or tensor (batch,)
        Noise level, 0 < sigma < inf.

    Returns
    -------
    tensor (batch, d, d)
        d is the number of entries of an event.

    Raises
    ------
    NoiseLevelError
        Unless 0 < sigma < inf.

    Examples
    --------
    >>> x = torch.ones(1, 2, dtype=torch.float64)
    >>> posterior_covariance(lambda x, sigma: x / (1 + sigma[:, None] ** 2), x, 1.0)
    tensor([[[0.5000, 0.0000],
             [0.0000, 0.5000]]], dtype=torch.float64)
    """
    level = _positive(denoiser, sigma, x).reshape(-1, 1, 1)
    return level**2 * jacobian(denoiser, x, level.flatten())


def with_condition(denoiser: _Conditional, condition: ArrayLike) -> Denoiser:
    """The plain denoiser of a class-conditional one.

    Parameters
    ----------
    denoiser : callable
        `denoiser(x, sigma, condition=c)`.
    condition : array
        The condition to bind, such as a class or one class per sample.

    Returns
    -------
    Denoiser
        `denoiser` at this condition.

    Raises
    ------
    ArgumentError
        Where `denoiser` cannot be called, or `condition` is not an array of real numbers.

    Examples
    --------
    >>> scaled = with_condition(lambda x, sigma, condition: condition * x, 2.0)
    >>> scaled(torch.ones(1, 2), 1.0)
    tensor([[2., 2.]])
    """

    check.function("denoiser", denoiser, "denoiser(x, sigma, condition=c)")
    check.finite("condition", check.array("condition", condition))

    def conditioned(x: Points, sigma: Sigma) -> Points:
        return denoiser(x, sigma, condition=condition)

    return conditioned
