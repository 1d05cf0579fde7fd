"""Noise schedules in whole steps, as diffusion networks are trained on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .._support import checks as check
from .._support.display import boxes
from ..errors import NoiseLevelError

if TYPE_CHECKING:
    from .._support.types import Array, ArrayLike


@dataclass(frozen=True, repr=False)
class DiscreteSchedule:
    """A DDPM noise schedule: `betas[k-1]` is the variance added at step k = 1 ... n [@Ho2020].

    `alpha_bar[k]` is the product of 1 - beta up to step k, with `alpha_bar[0] = 1`.

    Parameters
    ----------
    betas : array (n,)
        Variances in (0, 1), kept as float64.
    name : str
        What it is called where it is printed.

    Raises
    ------
    NoiseLevelError
        Unless all betas lie in (0, 1); also where they start above 1/2 and only fall, which is what `alphas` and
        `alphas_cumprod` do, and no variances.

    Examples
    --------
    >>> schedule = DiscreteSchedule.linear(1000, 1e-4, 0.02)
    >>> schedule
    DiscreteSchedule(linear(1000, 0.0001, 0.02), n=1000, sigma 0.01 ... 157.4)
    >>> round(float(schedule.alpha_bar[-1]), 7)
    4.04e-05
    """

    betas: Array
    name: str = "custom"

    def __post_init__(self) -> None:
        check.instance("name", self.name, str)
        betas = check.float_array("betas", self.betas)
        if betas.ndim != 1 or betas.size == 0 or not bool(np.all((betas > 0) & (betas < 1))):
            raise NoiseLevelError("betas", "are not a list of values in (0, 1)", "pass the variance of each step")
        if betas.size > 1 and betas[0] > 0.5 and bool(np.all(np.diff(betas) <= 0)):
            raise NoiseLevelError(
                "betas",
                f"fall from {betas[0]:.6g} to {betas[-1]:.4g}, as alphas and alphas_cumprod do",
                "pass the variance of each step, or DiscreteSchedule.from_alpha_bar(alphas_cumprod)",
            )
        betas = betas.copy()
        betas.setflags(write=False)
        object.__setattr__(self, "betas", betas)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DiscreteSchedule) and np.array_equal(self.betas, other.betas)

    def __hash__(self) -> int:
        return hash(self.betas.tobytes())

    def __repr__(self) -> str:
        return f"DiscreteSchedule({self.name}, n={self.n}, sigma {self.sigmas[1]:.4g} ... {self.sigmas[-1]:.4g})"

    def _repr_html_(self) -> str:
        ends = {"steps": self.n, "sigma": f"{self.sigmas[1]:.4g} ... {self.sigmas[-1]:.4g}"}
        ends |= {"alpha_bar": f"{self.alpha_bar[1]:.4g} ... {self.alpha_bar[-1]:.4g}"}
        shown = self.sigmas[1 :: max(1, self.n // 100)].tolist()
        return boxes.box(f"DiscreteSchedule {self.name}", ends, boxes.curve(shown, "sigma by step, logarithmic"))

    @classmethod
    def linear(cls, n: int = 1000, beta_1: float = 1e-4, beta_n: float = 0.02) -> DiscreteSchedule:
        """Betas in equal steps from `beta_1` to `beta_n` (Ho et al. 2020, section 4).

        Parameters
        ----------
        n : int
            Number of steps.
        beta_1, beta_n : float
            Variance added at the first and at the last step.

        Returns
        -------
        DiscreteSchedule
            Of n steps.
        """
        n = check.integer("n", n, 1)
        return cls(np.linspace(beta_1, beta_n, n), name=f"linear({n}, {beta_1:g}, {beta_n:g})")

    @classmethod
    def scaled_linear(cls, n: int = 1000, beta_1: float = 8.5e-4, beta_n: float = 0.012) -> DiscreteSchedule:
        """Square roots of the betas in equal steps, as latent diffusion has them.

        Parameters
        ----------
        n : int
            Number of steps.
        beta_1, beta_n : float
            Variance added at the first and at the last step.

        Returns
        -------
        DiscreteSchedule
            Of n steps.
        """
        n = check.integer("n", n, 1)
        betas = np.linspace(np.sqrt(beta_1), np.sqrt(beta_n), n) ** 2
        return cls(betas, name=f"scaled_linear({n}, {beta_1:g}, {beta_n:g})")

    @classmethod
    def cosine(cls, n: int = 1000, offset: float = 0.008, beta_max: float = 0.999) -> DiscreteSchedule:
        """alpha_bar(t) = cos^2((t + s) / (1 + s) * pi/2), normalised, betas cut at `beta_max` [@Nichol2021].

        Parameters
        ----------
        n : int
            Number of steps.
        offset : float
            The s of the formula, which keeps the first betas from vanishing.
        beta_max : float
            The largest beta.

        Returns
        -------
        DiscreteSchedule
            Of n steps.
        """
        n = check.integer("n", n, 1)
        angle = (np.arange(n + 1) / n + offset) / (1 + offset) * np.pi / 2
        return cls(_steps(np.cos(angle) ** 2, beta_max), name=f"cosine({n})")

    @classmethod
    def sigmoid(cls, n: int = 1000, start: float = -3.0, end: float = 3.0, beta_max: float = 0.999) -> DiscreteSchedule:
        """alpha_bar(t) falls like a sigmoid of start + (end - start) t, scaled to run from 1 to 0.

        Parameters
        ----------
        n : int
            Number of steps.
        start, end : float
            The piece of the sigmoid.
        beta_max : float
            The largest beta.

        Returns
        -------
        DiscreteSchedule
            Of n steps.
        """
        n = check.integer("n", n, 1)
        value = 1 / (1 + np.exp(-np.linspace(start, end, n + 1)))
        return cls(_steps((value[-1] - value) / (value[-1] - value[0]), beta_max), name=f"sigmoid({n})")

    @classmethod
    def from_alpha_bar(cls, alpha_bar: ArrayLike, name: str = "custom") -> DiscreteSchedule:
        """From the cumulative products, which most code calls `alphas_cumprod`.

        Parameters
        ----------
        alpha_bar : array (n,)
            abar of the steps 1 ... n, falling within (0, 1).
        name : str
            What it is called where it is printed.

        Returns
        -------
        DiscreteSchedule
            Of n steps.
        """
        values = check.float_array("alpha_bar", alpha_bar)
        inside = values.ndim == 1 and values.size > 0 and bool(np.all((values > 0) & (values < 1)))
        if not inside or not bool(np.all(np.diff(values) < 0)):
            raise NoiseLevelError("alpha_bar", "does not fall within (0, 1)", "pass abar of the steps 1 ... n")
        return cls(1 - values / np.concatenate([[1.0], values[:-1]]), name)

    @property
    def n(self) -> int:
        """Number of steps."""
        return self.betas.size

    @cached_property
    def alpha_bar(self) -> Array:
        """`(n + 1,)`: cumulative product of 1 - beta, from 1 at step 0."""
        return np.concatenate([[1.0], np.cumprod(1 - self.betas)])

    @cached_property
    def sigmas(self) -> Array:
        """`(n + 1,)`: the noise level of each step, from 0 at step 0."""
        with np.errstate(divide="ignore"):
            return np.sqrt((1 - self.alpha_bar) / self.alpha_bar)


def _steps(alpha_bar: Array, beta_max: float) -> Array:
    """The betas of a falling list of abar, step 0 included."""
    return np.minimum(1 - alpha_bar[1:] / alpha_bar[:-1], beta_max)
