"""What an identity is checked on: a denoiser at one noise level, and whatever else is known about its prior."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch

from ..._support import checks as check
from ..._support.shapes import per_row
from ..._support.streams import stream, stream_seed
from ...errors import ArgumentError, ShapeError
from ..denoiser import Denoiser
from .derivatives import norm, relative_step
from .symmetry import Symmetry

Prior = Callable[[int, int], torch.Tensor]
LogDensity = Callable[[torch.Tensor, float], torch.Tensor]

DENSE_DIM = 64
BLOCK_ENTRIES = 2**17


@dataclass(frozen=True, eq=False)
class Case:
    """A denoiser at the points `x` `(batch, *event)` and the noise level `sigma`, with what is known next to it.

    `prior(n, seed) -> (n, *event)` draws clean data, `log_density(x, sigma) -> (batch,)` is log p_sigma(x),
    `every_sigma` says that the denoiser is meant for every noise level from 0 to inf.
    """

    denoiser: Denoiser
    x: torch.Tensor
    sigma: float
    prior: Prior | None = None
    log_density: LogDensity | None = None
    symmetries: tuple[Symmetry, ...] = ()
    every_sigma: bool = True
    n_samples: int = 4096
    n_probes: int = 8
    seed: int = 0
    tolerance: float = 1e-8
    false_positive: float = 1e-6
    _noised: dict[float, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict, init=False, repr=False)

    @property
    def dim(self) -> int:
        """Entries of one event."""
        return self.x[0].numel()

    @property
    def batch(self) -> int:
        """Number of points."""
        return self.x.shape[0]

    @property
    def knowledge(self) -> frozenset[str]:
        """What is known next to the callable: of "prior", "log_density", "symmetry", "every_sigma"."""
        known = {
            "prior": self.prior is not None,
            "log_density": self.log_density is not None,
            "symmetry": bool(self.symmetries),
            "every_sigma": self.every_sigma,
        }
        return frozenset(name for name, have in known.items() if have)

    @property
    def step(self) -> float:
        """The finite-difference step in x and in sigma."""
        return self.sigma * relative_step(self.x.dtype)

    def denoise(self, x: torch.Tensor, sigma: float | None = None) -> torch.Tensor:
        """The denoiser without gradients, block by block."""
        level = self.sigma if sigma is None else sigma
        size = max(1, BLOCK_ENTRIES // self.dim)
        with torch.no_grad():
            return torch.cat([self.denoiser(part, level) for part in x.split(size)])

    @cached_property
    def denoised(self) -> torch.Tensor:
        """The denoiser at the points."""
        return self.denoise(self.x)

    def projected(self, w: torch.Tensor, sigma: float | None = None) -> Callable[[torch.Tensor], torch.Tensor]:
        """The scalar function x -> <w, D(x, sigma)>, `w` like the events of its argument."""
        level = self.sigma if sigma is None else sigma
        return lambda x: (w * self.denoiser(x, level)).flatten(1).sum(1)

    def log_p(self, sigma: float | None = None) -> Callable[[torch.Tensor], torch.Tensor]:
        """The scalar function x -> log p_sigma(x)."""
        if self.log_density is None:
            raise ArgumentError("log_density", "is missing", "pass log_density(x, sigma)")
        density, level = self.log_density, self.sigma if sigma is None else sigma
        return lambda x: density(x, level)

    def normal(self, purpose: str, like: torch.Tensor) -> torch.Tensor:
        """Standard normal draws like `like`, one stream per purpose."""
        draws = stream(self.seed, f"identity-{purpose}").standard_normal(tuple(like.shape))
        return torch.from_numpy(draws).to(like)

    def directions(self, purpose: str, like: torch.Tensor | None = None) -> torch.Tensor:
        """Random unit vectors, one per event of `like` (the points by default)."""
        like = self.x if like is None else like
        u = self.normal(purpose, like)
        return u / per_row(norm(u), u)

    def probes(self, purpose: str) -> Iterator[torch.Tensor]:
        """`n_probes` sets of random unit vectors at the points."""
        for k in range(self.n_probes):
            yield self.directions(f"{purpose}-{k}")

    def draw(self, n: int, purpose: str = "data") -> torch.Tensor:
        """`n` draws of the prior, in the dtype and on the device of the points."""
        if self.prior is None:
            raise ArgumentError("prior", "is missing", "pass prior(n, seed) -> (n, *event)")
        x0 = torch.as_tensor(self.prior(n, stream_seed(self.seed, f"identity-{purpose}") % 2**31))
        if tuple(x0.shape) != (n, *self.x.shape[1:]):
            raise ShapeError("prior", f"returns shape {tuple(x0.shape)}", f"return ({n}, *{tuple(self.x.shape[1:])})")
        return check.finite("prior", x0.to(self.x))

    @cached_property
    def x0(self) -> torch.Tensor:
        """`(n_samples, *event)`: clean draws for the averages."""
        return self.draw(self.n_samples)

    @cached_property
    def noise(self) -> torch.Tensor:
        """Standard normal noise for `x0`."""
        return self.normal("noise", self.x0)

    @cached_property
    def centre(self) -> torch.Tensor:
        """The mean of draws that are independent of `x0`."""
        return self.draw(self.n_samples, "centre").mean(0)

    def noised(self, sigma: float | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """`x0 + sigma * noise` and what the denoiser makes of it; the same noise at every sigma."""
        level = self.sigma if sigma is None else sigma
        if level not in self._noised:
            x = self.x0 + level * self.noise
            self._noised[level] = (x, self.denoise(x, level))
        return self._noised[level]
