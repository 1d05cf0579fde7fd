"""How a raw network F becomes a denoiser: D(x, sigma) = c_skip x + c_out F(c_in x; c_noise).

    head   c_skip                    c_out                        c_in                     F predicts
    edm    s^2 / (sigma^2 + s^2)     sigma s / sqrt(sigma^2+s^2)  1 / sqrt(sigma^2 + s^2)  a unit-variance mixture
    eps    1                         -sigma                       1 / sqrt(1 + sigma^2)    the noise n
    v      1 / (1 + sigma^2)         -sigma / sqrt(1 + sigma^2)   1 / sqrt(1 + sigma^2)    the velocity (below)

with s = `sigma_data` and c_noise = ln(sigma) / 4 everywhere [@Karras2022; @Ho2020; @Salimans2022]. The loss
weight 1 / c_out^2 turns the squared error of D into the plain squared error of F for each head. The velocity
is sqrt(abar) n - sqrt(1 - abar) x0 with abar = 1 / (1 + sigma^2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch

from ..._support import checks as check
from ..._support.typed import typed

HEADS = ("edm", "eps", "v")
LOWEST, HIGHEST = 1e-6, 1e6


class Coefficients(NamedTuple):
    """The four factors at given noise levels, each of the shape of `sigma`."""

    skip: torch.Tensor
    out: torch.Tensor
    inner: torch.Tensor
    noise: torch.Tensor


@typed
@dataclass(frozen=True)
class Preconditioning:
    """The factors of a head: D(x, sigma) = c_skip x + c_out F(c_in x; c_noise) [@Karras2022].

    "edm" and "v" are defined from sigma = 0 to inf; c_noise is held within ln([1e-6, 1e6]) / 4. An instance maps
    noise levels, a tensor of any shape, to `Coefficients` of that shape.

    Parameters
    ----------
    head : {"edm", "eps", "v"}
        What the raw network F predicts: a unit-variance mixture of signal and noise, the noise [@Ho2020], or the
        velocity sqrt(abar) n - sqrt(1 - abar) x0 [@Salimans2022].
    sigma_data : float
        Standard deviation of the data; it matters to "edm" alone.

    Raises
    ------
    UnknownNameError
        On an unknown head.
    ArgumentError
        Where `sigma_data` is not > 0.

    Examples
    --------
    >>> c = Preconditioning("edm", 0.5)(torch.tensor([0.0, 0.5, torch.inf]))
    >>> c.skip.tolist(), [round(value, 4) for value in c.out.tolist()]
    ([1.0, 0.5, 0.0], [0.0, 0.3536, 0.5])
    """

    head: str = "edm"
    sigma_data: float = 0.5

    def __post_init__(self) -> None:
        check.choice("head", self.head, HEADS)
        check.real("sigma_data", self.sigma_data, 1e-12)

    def __call__(self, sigma: torch.Tensor) -> Coefficients:
        s = self.sigma_data if self.head == "edm" else 1.0
        scale = torch.full_like(sigma, s)
        total = torch.hypot(sigma, scale)
        noise = sigma.clamp(LOWEST, HIGHEST).log() / 4
        if self.head == "eps":
            return Coefficients(torch.ones_like(sigma), -sigma, 1 / total, noise)
        out = scale / torch.hypot(torch.ones_like(sigma), scale / sigma)
        skip = 1 / (1 + (sigma / scale) ** 2)
        return Coefficients(skip, out if self.head == "edm" else -out, 1 / total, noise)
