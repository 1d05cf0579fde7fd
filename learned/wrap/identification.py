"""What `identify` found: the conventions by their denoising error, and whether the best of them is to be believed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..._support import checks as check
from ..._support.estimates import show
from ..._support.types import Array
from ...errors import ArgumentError
from ._conventions import Convention
from .denoiser import WrappedDenoiser


@dataclass(frozen=True)
class Ranked:
    """A convention, and the denoising error by it in that of a featureless Gaussian (geometric mean over levels).

    `behind` is how much larger than the best one's its logarithm is, on the same images.
    """

    convention: Convention
    error: float
    error_stderr: float
    behind: float
    behind_stderr: float


@dataclass(frozen=True, eq=False, repr=False)
class Identification:
    """What a network most likely predicts, and on which clock, from its denoising errors.

    Parameters
    ----------
    network : callable
        The network that was asked.
    shape : tuple of int
        Event shape of the images.
    ranking : tuple
        The best conventions, smallest error first, each with `convention`, `error` and `error_stderr` (in units of the
        error of a Gaussian that knows only mean and variance of the images), and how far it is `behind` the first. The
        standard error is over the images, which set that unit too; the noise levels are taken as given. The least of
        several close errors is biased downwards.
    alike : tuple of int
        Places in the ranking whose answers are those of the first within 1 % of its error: other words for the same.
    tried : int
        How many conventions were tried.
    n : int
        Images.
    levels : array (levels,)
        Noise levels.
    problem : str
        Why none is to be believed; empty where one fits.
    note : str
        What remains open though one fits.

    Raises
    ------
    ArgumentError
        By `wrap()`, where none fits.

    Examples
    --------
    >>> import torch
    >>> from idealscore.learned import wrap
    >>> x0 = torch.randn(500, 8, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.1] * 4)
    >>> variance = torch.tensor([1.0, 0.01] * 4)
    >>> found = wrap.identify(lambda z, s: s[:, None] * z / (variance + s[:, None] ** 2), x0)
    >>> found.ok, found.code
    (True, "wrap.function(net, predicts='noise', clock='sigma')")
    """

    network: Any
    shape: tuple[int, ...]
    ranking: tuple[Ranked, ...]
    alike: tuple[int, ...]
    tried: int
    n: int
    levels: Array
    problem: str = ""
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether one convention fits, and wins clearly."""
        return not self.problem

    @property
    def code(self) -> str:
        """The call of `wrap.function` for the best convention; `net` stands for the network."""
        return self.ranking[0].convention.code

    def __repr__(self) -> str:
        best = self.ranking[0]
        error = f"error {show(best.error, best.error_stderr)} of a featureless Gaussian's"
        if self.problem:
            return f"Identification(none of {self.tried} conventions is sure: {self.problem}; best {best.convention})"
        following = next((r for k, r in enumerate(self.ranking) if k and k not in self.alike), None)
        ahead = "" if following is None else f", {math.exp(following.behind):.3g} times less than any other"
        return f"Identification({best.convention}; {error}{ahead})"

    @property
    def table(self) -> str:
        """The best conventions as text, a line each, and what was found."""
        rows = [("", "error", "log behind", "convention")]
        for k, each in enumerate(self.ranking):
            error = show(each.error, each.error_stderr)
            behind = "" if k == 0 else show(each.behind, each.behind_stderr)
            same = " (the same, in other words)" if k in self.alike else ""
            rows.append((str(k), error, behind, f"{each.convention}{same}"))
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        lines = [
            "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
        ]
        levels = f"{len(self.levels)} noise levels from {self.levels[0]:.3g} to {self.levels[-1]:.3g}"
        lines.append(
            f"error: in that of a Gaussian that knows only mean and variance, over {levels}; {self.n} images,"
            f" {self.tried} conventions tried"
        )
        verdict = f"none fits: {self.problem}" if self.problem else f"it fits: {self.code}"
        return "\n".join([*lines, verdict, *([self.note] if self.note else [])])

    def wrap(self, place: int | None = None) -> WrappedDenoiser:
        """The network as a denoiser by the convention that fits, or by that at a place of the ranking.

        Parameters
        ----------
        place : int, optional
            Of the ranking, 0 the best; with it nothing is asked whether it fits.

        Returns
        -------
        WrappedDenoiser
            As of `wrap.function`.

        Raises
        ------
        ArgumentError
            Where none fits, or there is no such place.
        """
        if place is None and self.problem:
            raise ArgumentError(
                "net", f"fits no convention for sure: {self.problem}", "look at .table, and .wrap(place)"
            )
        chosen = self.ranking[check.integer("place", place or 0, 0, len(self.ranking) - 1)]
        return chosen.convention.wrapped(self.network, self.shape)
