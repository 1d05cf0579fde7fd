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

import torch

from ..._support import checks as check
from ..._support.types import Points, Sigma
from ...errors import ArgumentError, DenoiserContractError, ShapeError
from ...theory.denoiser import Denoiser, per_sample
from ._conjugate_gradients import conjugate_gradients
from ._measure import Operator

COVARIANCES = ("jacobian", "isotropic")
ROUNDING = 1e-4


class GuidedDenoiser:
    """The denoiser E[x0 | x, y] of what is left to know once y = A x0 + s n was measured [@Boys2024; @Song2023].

        E[x0 | x, y] = D(x) + C A^T (A C A^T + s^2 I)^-1 (y - A D(x)),    C(x) = Cov[x0 | x] = sigma^2 dD/dx

    It is exact where the prior is Gaussian and an approximation elsewhere, best at low noise and for tight
    measurements. Call it as `denoiser(x, sigma)`; sample i of a batch belongs to measurement i.

    Parameters
    ----------
    denoiser : callable
        `denoiser(x, sigma)` of the prior, the posterior mean E[x0 | x].
    operator : callable
        The linear operator A, (batch, *event) -> (batch, *observed); any linear callable that torch differentiates.
    y : tensor
        The measurements, shape (batch, *observed), or (*observed) for all.
    noise : float
        Standard deviation s > 0 of the measurement.
    covariance : str
        "jacobian": C from the denoiser by automatic differentiation, the linear system by conjugate gradients, which
        end where C is not positive; at high noise sigma^2 magnifies what a network's dD/dx is off by. "isotropic":
        C = v I with v = sigma^2 sigma_data^2 / (sigma^2 + sigma_data^2), without derivatives.
    sigma_data : float
        Standard deviation of the data per entry, for "isotropic".
    tolerance : float
        Relative residual at which the conjugate gradients stop, 1e-15 to 0.1.

    Raises
    ------
    ArgumentError
        Where `noise` or another number is outside its range; from a call, where `operator` is not linear.
    UnknownNameError
        For an unknown `covariance`.
    ShapeError
        From a call, where `y` does not fit the batch.
    NoiseLevelError
        From a call, where sigma is negative or NaN.
    DenoiserContractError
        From a call, where "jacobian" needs derivatives that the denoiser does not have.

    Examples
    --------
    >>> from idealscore.simulate import inpainting
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
        self.denoiser: Denoiser = denoiser
        self.operator: Operator = operator
        self.y: torch.Tensor = check.as_float_tensor("y", y)
        self.noise: float = check.real("noise", noise, 1e-12)
        self.covariance: str = check.choice("covariance", covariance, COVARIANCES)
        self.sigma_data: float = check.real("sigma_data", sigma_data, 1e-12)
        self.tolerance: float = check.real("tolerance", tolerance, 1e-15, 0.1)
        self._checked: torch.Size | None = None

    def __call__(self, x: Points, sigma: Sigma) -> Points:
        levels = check.sigmas("sigma", sigma, x)
        self._check_operator(x)
        with torch.enable_grad():
            given = x.detach().requires_grad_(self.covariance == "jacobian")
            denoised = self.denoiser(given, levels)
            if self.covariance == "jacobian" and not denoised.requires_grad:
                raise DenoiserContractError(
                    "denoiser", "cannot be differentiated", "make it differentiable, or pass covariance='isotropic'"
                )
        scale = per_sample(levels, x).square()
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

    def __repr__(self) -> str:
        prior = getattr(self.denoiser, "__name__", type(self.denoiser).__name__)
        return f"GuidedDenoiser({prior}, y={tuple(self.y.shape)}, noise={self.noise:g}, {self.covariance})"

    def _adjoint(self, u: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """A^T u, the vector-Jacobian product of the operator."""
        with torch.enable_grad():
            point = torch.zeros_like(like, requires_grad=True)
            return torch.autograd.grad(self.operator(point), point, u)[0]

    def _measurements(self, x: torch.Tensor) -> torch.Tensor:
        """y for a batch like `x`."""
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
