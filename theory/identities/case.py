"""What an identity is checked on: a denoiser at one noise level, and whatever else is known about its prior."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from ..._support import checks as check
from ..._support.streams import stream, stream_seed
from ...errors import ArgumentError, ShapeError
from .derivatives import norm, relative_step

Prior = Callable[[int, int], torch.Tensor]
LogDensity = Callable[[torch.Tensor, Any], torch.Tensor]

DENSE_DIM = 64
BLOCK_ENTRIES = 2**17


@dataclass(frozen=True)
class Symmetry:
    """A symmetry of the prior: `action` maps events to events, and sigma to `noise_factor` times sigma.

    >>> flip = Symmetry.reflection(axis=1)
    >>> flip.action(torch.tensor([[1.0, 2.0]]))
    tensor([[2., 1.]])
    """

    name: str
    action: Callable[[torch.Tensor], torch.Tensor]
    noise_factor: float = 1.0

    @classmethod
    def permutation(cls, order: Sequence[int], axis: int = 1) -> Symmetry:
        """Reorders the entries along `axis` (the batch is axis 0)."""
        index = torch.as_tensor(list(order))
        return cls("permutation", lambda x: x.index_select(axis, index.to(x.device)))

    @classmethod
    def translation(cls, shifts: Sequence[int], axes: Sequence[int]) -> Symmetry:
        """A cyclic shift by `shifts` along `axes`."""
        return cls("translation", lambda x: torch.roll(x, tuple(shifts), tuple(axes)))

    @classmethod
    def reflection(cls, axis: int) -> Symmetry:
        """Reverses `axis`."""
        return cls("reflection", lambda x: x.flip(axis))

    @classmethod
    def rotation(cls, matrix: torch.Tensor) -> Symmetry:
        """x -> matrix x for an orthogonal `(d, d)` acting on the flattened event."""
        return cls("rotation", lambda x: (x.flatten(1) @ matrix.to(x).T).reshape(x.shape))

    @classmethod
    def scaling(cls, factor: float) -> Symmetry:
        """x -> factor x together with sigma -> |factor| sigma; factor -1 is the reflection x -> -x."""
        return cls("scaling", lambda x: factor * x, abs(factor))


@dataclass(frozen=True, eq=False)
class Case:
    """A denoiser at the points `x` `(batch, *event)` and the noise level `sigma`, with what is known beside it.

    `prior(n, seed) -> (n, *event)` draws clean data, `log_density(x, sigma) -> (batch,)` is log p_sigma(x),
    `every_sigma` says that the denoiser is meant for every noise level from 0 to inf.
    """

    denoiser: Any
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
    _noised: dict[float, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def dim(self) -> int:
        return self.x[0].numel()

    @property
    def batch(self) -> int:
        return self.x.shape[0]

    @property
    def knowledge(self) -> frozenset[str]:
        """What is known beside the callable: of "prior", "log_density", "symmetry", "every_sigma"."""
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
        return u / norm(u).reshape(-1, *[1] * (u.ndim - 1))

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
