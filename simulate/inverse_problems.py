r"""Inverse problems: samples of p(x0 | y) for y = A x0 + s n, any linear A, from any denoiser of the prior.

Given y the best denoiser is another one. With C(x) = Cov[x0 | x] = sigma^2 dD/dx, taking p(x0 | x) for a Gaussian gives

    E[x0 | x, y] = D(x) + C A^T (A C A^T + s^2 I)^-1 (y - A D(x))                      [@Boys2024]

which is a denoiser like any other: each sampler, metric and identity of this package takes it. **It is exact where the
prior is Gaussian**, and an approximation elsewhere, best at low noise and for tight measurements. `covariance`:

    "jacobian"    C from the denoiser by automatic differentiation, the linear system by conjugate gradients, which end
                  where C is not positive; at high noise sigma^2 magnifies what a network's dD/dx is off by
    "isotropic"   C = v I, v = sigma^2 sigma_d^2 / (sigma^2 + sigma_d^2), sigma_d the data's scale: no derivatives
                  ([@Song2023] without their factor dD/dx)

The transpose of A is its vector-Jacobian product, so that any callable that is linear will do.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch

from .._support import checks as check
from ..errors import ArgumentError, DenoiserContractError, ShapeError
from ..theory.denoiser import Denoiser

Operator = Callable[[torch.Tensor], torch.Tensor]

COVARIANCES = ("jacobian", "isotropic")
ROUNDING = 1e-4


def inpainting(known: Any) -> Operator:
    """A: the entries of an event that the boolean mask `known` `(*event)` marks, flattened to `(batch, m)`.

    >>> inpainting([[True, False], [False, True]])(torch.arange(8.0).reshape(2, 2, 2))
    tensor([[0., 3.],
            [4., 7.]])
    """
    mask = torch.as_tensor(known)
    if mask.dtype != torch.bool or not bool(mask.any()):
        raise ArgumentError("known", "marks no entry", "pass a boolean mask (*event) with at least one True")

    def operator(x: torch.Tensor) -> torch.Tensor:
        check.batch("x", x, mask.shape)
        return x[:, mask.to(x.device)]

    return operator


def blurring(width: float, size: int | None = None) -> Operator:
    """A: images `(batch, channels, height, width)` convolved with a Gaussian of standard deviation `width` pixels.

    The kernel has `size` (odd; default: three widths to each side) pixels a side and sums to one; beyond the border
    the image repeats its edge.

    >>> blurring(1.0)(torch.ones(1, 1, 8, 8)).sub(1).abs().max().item() < 1e-6
    True
    """
    width = check.real("width", width, 1e-6)
    reach = max(1, round(3 * width)) if size is None else check.integer("size", size, 1) // 2
    if size is not None and size % 2 == 0:
        raise ArgumentError("size", f"is {size}", "pass an odd number of pixels")
    line = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float64) ** 2) / (2 * width**2))
    line = line / line.sum()

    def operator(x: torch.Tensor) -> torch.Tensor:
        if x.ndim != 4:
            raise ShapeError("x", f"has shape {tuple(x.shape)}", "pass images (batch, channels, height, width)")
        kernel, channels = line.to(x), x.shape[1]
        padded = torch.nn.functional.pad(x, [reach] * 4, mode="replicate")
        rows = kernel.reshape(1, 1, -1, 1).expand(channels, 1, -1, 1)
        columns = kernel.reshape(1, 1, 1, -1).expand(channels, 1, 1, -1)
        down = torch.nn.functional.conv2d(padded, rows, groups=channels)
        return torch.nn.functional.conv2d(down, columns, groups=channels)

    return operator


class GuidedDenoiser:
    """`denoiser(x, sigma) -> E[x0 | x, y]` of the measurements `y` `(batch, *observed)`, or `(*observed)` for all.

    `noise`: the standard deviation s > 0 of the measurement. Sample i of a batch belongs to measurement i. Raises
    ArgumentError where `operator` is not linear or `noise` is not positive, ShapeError where `y` does not fit.

    >>> from idealscore.theory import GaussianDenoiser
    >>> prior = GaussianDenoiser(torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64))
    >>> D = GuidedDenoiser(prior, inpainting([True, False]), torch.tensor([[1.0]]), noise=1.0)
    >>> D(torch.zeros(1, 2, dtype=torch.float64), 1e6).round(decimals=4)  # the posterior mean given y: 1 / (1 + s^2)
    tensor([[0.5000, 0.0000]], dtype=torch.float64)
    """

    def __init__(
        self,
        denoiser: Denoiser,
        operator: Operator,
        y: torch.Tensor,
        noise: float,
        *,
        covariance: str = "jacobian",
        sigma_data: float = 1.0,
        tolerance: float = 1e-6,
    ) -> None:
        self.denoiser, self.operator = denoiser, operator
        self.y = check.as_float_tensor("y", y)
        self.noise = check.real("noise", noise, 1e-12)
        self.covariance = check.choice("covariance", covariance, COVARIANCES)
        self.sigma_data = check.real("sigma_data", sigma_data, 1e-12)
        self.tolerance = check.real("tolerance", tolerance, 1e-15, 0.1)
        self._checked: torch.Size | None = None

    def __call__(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        levels = check.sigmas("sigma", sigma, x)
        self._check_operator(x)
        with torch.enable_grad():
            given = x.detach().requires_grad_(self.covariance == "jacobian")
            denoised = self.denoiser(given, levels)
            if self.covariance == "jacobian" and not denoised.requires_grad:
                raise DenoiserContractError(
                    "denoiser", "cannot be differentiated", "make it differentiable, or pass covariance='isotropic'"
                )
        scale = levels.square().reshape(-1, *[1] * (x.ndim - 1))
        if self.covariance == "isotropic":
            scale = scale * self.sigma_data**2 / (scale + self.sigma_data**2)

        def spread(v: torch.Tensor) -> torch.Tensor:
            """C v, the Jacobian being symmetric for an optimum; for a network its transpose is the guidance."""
            if self.covariance == "isotropic":
                return scale * v
            return scale * torch.autograd.grad(denoised, given, v, retain_graph=True)[0]

        def adjoint(u: torch.Tensor) -> torch.Tensor:
            return self._adjoint(u, x)

        def system(u: torch.Tensor) -> torch.Tensor:
            return self.operator(spread(adjoint(u))) + self.noise**2 * u

        plain = denoised.detach()
        residual = self._measurements(plain) - self.operator(plain)
        return plain + spread(adjoint(conjugate_gradients(system, residual, self.tolerance)))

    def _adjoint(self, u: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            point = torch.zeros_like(like, requires_grad=True)
            return torch.autograd.grad(self.operator(point), point, u)[0]

    def _measurements(self, x: torch.Tensor) -> torch.Tensor:
        shape = self.operator(x).shape
        y = self.y.to(x)
        y = y.expand(shape) if y.shape == shape[1:] else y
        if y.shape != shape:
            raise ShapeError("y", f"has shape {tuple(y.shape)}", f"pass {tuple(shape)}, or {tuple(shape[1:])} for all")
        return y

    def _check_operator(self, x: torch.Tensor) -> None:
        """Linear at two points, once per event shape."""
        if self._checked == x.shape[1:]:
            return
        with torch.no_grad():
            one, two = x[:1].sin(), x[:1].cos()
            first, second, both = self.operator(one), self.operator(two), self.operator(2 * one - 3 * two)
        gap, size = (both - 2 * first + 3 * second).abs().max(), first.abs().max() + second.abs().max() + 1e-30
        if not float(gap) <= ROUNDING * float(size):
            raise ArgumentError("operator", "is not linear", "pass A alone: subtract A(0) from y and from the operator")
        self._checked = x.shape[1:]


def conjugate_gradients(
    system: Callable[[torch.Tensor], torch.Tensor], right: torch.Tensor, tolerance: float = 1e-6
) -> torch.Tensor:
    """u with system(u) = right, `(batch, *observed)`, for a positive definite linear `system`, each row on its own.

    Ends when every residual is below `tolerance` of its right-hand side, or, rounding allowed for, after twice as many
    steps as there are unknowns, with the iterate of least residual. A row that meets a direction in which `system` is
    not positive ends there, with a warning.

    >>> conjugate_gradients(lambda u: torch.tensor([1.0, 4.0]) * u, torch.ones(1, 2)).round(decimals=5)
    tensor([[1.0000, 0.2500]])
    """
    shape, b = right.shape, right.flatten(1)
    u, residual = torch.zeros_like(b), b.clone()
    direction, square = residual.clone(), residual.square().sum(1)
    goal, best, least, odd = tolerance**2 * square, u.clone(), square.clone(), False
    for _ in range(2 * b.shape[1]):
        active = square > goal
        if not bool(active.any()):
            break
        image = system(direction.reshape(shape)).flatten(1)
        curvature = (direction * image).sum(1)
        going = active & (curvature > 0)
        odd |= bool((active & ~going).any())
        step = torch.where(going, square / curvature.where(going, torch.ones_like(curvature)), 0.0)
        u, residual = u + step[:, None] * direction, residual - step[:, None] * image
        fresh = torch.where(going, residual.square().sum(1), torch.zeros_like(square))
        ratio = torch.where(going, fresh / square.where(going, torch.ones_like(square)), 0.0)
        direction, square = residual + ratio[:, None] * direction, fresh
        better = going & (fresh < least)
        best, least = torch.where(better[:, None], u, best), torch.where(better, fresh, least)
    if odd:
        warnings.warn(
            "the denoiser's Jacobian is not positive everywhere, as an optimum's is, and guidance ends early; "
            "start at less noise, or pass covariance='isotropic'",
            stacklevel=2,
        )
    return best.reshape(shape)


def measure(operator: Operator, x0: torch.Tensor, noise: float, seed: int = 0, indices: Any = None) -> torch.Tensor:
    """y = A x0 + s n, the noise of measurement i depending on (seed, i) alone.

    >>> measure(inpainting([True, False]), torch.tensor([[1.0, 2.0]]), 0.0)
    tensor([[1.]])
    """
    from .._support.streams import normal_batch

    clean = operator(check.as_float_tensor("x0", x0))
    rows = range(len(clean)) if indices is None else indices
    noise = check.real("noise", noise, 0.0)
    return clean + noise * normal_batch(seed, "measurement", rows, clean.shape[1:], dtype=clean.dtype).to(clean.device)
