"""What explains the network, in numbers and in a sentence that is generated from them, whatever they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.estimates import show
from ..._support.typed import typed
from .options import HELD_OUT

FOLLOWS, NEAREST = 0.9, 0.5
"""Shares of the score above which a network follows a theory, or is nearest to it; below them none explains half."""
WORTH = 0.01
"""Shares closer than this are alike; a combination is worth a word if it adds so much, beyond two standard errors."""

FINEST = 0.095
"""Errors below this percentage are shown with two decimals, so that columns stay narrow."""

NAMES = {
    "empirical": "the empirical (memorising) optimum",
    "gaussian": "the Gaussian optimum",
    "mixture": "the mixture optimum",
    "clusters": "the mixture of one Gaussian per cluster",
    "finite-sample": "the mean Gaussian optimum of training sets of this size",
    "masked": "the masked optimum",
    "local": "the local optimum",
}


@dataclass(frozen=True)
class Level:
    """One noise level as the sentence sees it."""

    sigmas: tuple[float, ...]
    verdict: str  # "follows", "nearest", "weak", "none"
    names: tuple[str, ...]  # the best theory and those that tie with it
    shares: tuple[float, ...]
    sizes: tuple[int, ...]
    every: bool  # whether all theories explain the same but for `WORTH`
    null: bool  # whether the null does so too

    def joined(self, other: Level) -> Level | None:
        """This level and the next as one stretch; None where they say different things."""
        common = tuple(name for name in self.names if name in other.names)
        same = self.verdict == other.verdict and self.every == other.every and self.null == other.null
        if not same or (self.names and not common and not self.every):
            return None
        sigmas, shares = self.sigmas + other.sigmas, self.shares + other.shares
        return replace(self, sigmas=sigmas, names=common, shares=shares, sizes=self.sizes + other.sizes)


@typed
def explanation(result: xr.Dataset, split: str = HELD_OUT) -> str:
    """One sentence, or a few, on which theory explains the network at which noise, from the numbers alone.

    A network "follows" a theory that explains 90 % of its score or more, is "nearest" to one that explains half;
    theories that tie with the best within two standard errors are named with it. Levels outside of the range that the
    network was trained on are left out.

    Parameters
    ----------
    result : xarray.Dataset
        As of `compare`, or of `one_model`.
    split : {"held-out", "training"}, optional
        The images.

    Returns
    -------
    str
        In plain words.

    Raises
    ------
    UnknownNameError
        For a split that the result does not have.

    Examples
    --------
    >>> from idealscore.compare import Comparison, compare
    >>> from idealscore.learned.data import load
    >>> from idealscore.theory import GaussianDenoiser
    >>> training, held_out = load("digits").subset(60).split(0.5, seed=0)
    >>> config = Comparison(levels=2, n_images=4, n_noise=1, theories=("gaussian",), sigma_max=0.5)
    >>> explanation(compare(GaussianDenoiser.fit(training.images), training, held_out, config, show=False))
    'From sigma = 0.05 to 0.5 the network follows the Gaussian optimum, which explains 100 % of its score.'
    """
    part = result.sel(split=check.choice("split", split, map(str, result.split.values)))
    inside = ~part.outside.values if "outside" in part else np.ones(part.sizes["sigma"], dtype=bool)
    if not inside.any():
        return "No noise level lies in the range that the network was trained on: nothing can be said."
    stretches: list[Level] = []
    for k in np.flatnonzero(inside):
        level = _level(part.isel(sigma=k))
        longer = stretches[-1].joined(level) if stretches else None
        stretches = [*stretches[:-1], longer] if longer else [*stretches, level]
    text = "; ".join(_clause(stretch, first=k == 0) for k, stretch in enumerate(stretches)) + "."
    return f"{text[0].upper()}{text[1:]}{_together(part.isel(sigma=inside))}"


def _level(level: xr.Dataset) -> Level:
    sigma, name = float(level.sigma), str(level.closest.item())
    size = (int(level.patch_size),) if "patch_size" in level else ()
    if name not in level.theory:
        return Level((sigma,), "none", (), (), (), every=False, null=False)
    share = float(level.explained_variance.sel(theory=name))
    tied = [str(other) for other in level.theory.values[level.tied.values.astype(bool)] if other != name]
    others = level.explained_variance.dropna("theory").values
    verdict = "follows" if share >= FOLLOWS else "nearest" if share >= NEAREST else "weak"
    null = not bool(level.beats_null.any()) or float(level.null_explained) >= share - WORTH
    every = bool(len(others) > 1 and others.min() >= share - WORTH)
    return Level((sigma,), verdict, (name, *tied), (share,), size, every=every, null=null)


def _clause(stretch: Level, first: bool) -> str:
    where, shares = _span("sigma = ", stretch.sigmas), _percent(stretch.shares)
    subject, owner = ("the network", "the network's") if first else ("it", "its")
    null = " (as does a Gaussian that knows only mean and variance)" if stretch.null else ""
    if stretch.verdict == "none":
        return f"{where} no theory explains any of {owner} score"
    if stretch.verdict == "weak":
        return f"{where} no theory explains half of {owner} score: the best, {_theory(stretch)}, {shares}{null}"
    only, link = ("", "follows") if stretch.verdict == "follows" else ("only ", "is nearest to")
    if stretch.every:
        agree = f"all theories, which agree there to 1 % and explain {only}{shares} of its score"
        return f"{where} {subject} {link} {agree}{null}"
    return f"{where} {subject} {link} {_theory(stretch)}, which explains {only}{shares} of its score{null}"


def _theory(stretch: Level) -> str:
    name, *others = stretch.names
    text = NAMES.get(name, f"the theory '{name}'")
    if name == "local" and stretch.sizes:
        text += f" of {_range(stretch.sizes)} pixel{'' if set(stretch.sizes) == {1} else 's'}"
    if others:
        text += f" (level with {_listed([NAMES.get(other, repr(other)) for other in others])})"
    return text


def _together(part: xr.Dataset) -> str:
    """What the best convex combination adds."""
    if part.sizes["theory"] < 2 or "combination_gain" not in part:
        return ""
    gain, error = part.combination_gain.values, np.nan_to_num(part.combination_gain_stderr.values)
    more = np.flatnonzero((gain >= WORTH) & (gain > 2 * error))
    if not len(more):
        return " No convex combination of the theories explains more than the best of them."
    k = int(more[gain[more].argmax()])
    level = part.isel(sigma=k)
    best, both = float(level.best_explained), float(level.combination_explained)
    where = "but only" if len(more) == 1 else "most"
    return (
        f" The best convex combination of theories explains more, {where} {_span('sigma = ', (float(level.sigma),))}:"
        f" {_percent((both,))} instead of {_percent((best,))} ({_weights(level)})."
    )


def shares(result: xr.Dataset, split: str = HELD_OUT) -> list[dict[str, str]]:
    """The share of the score that each theory explains, in percent, from the largest noise level to the smallest."""
    part = result.sel(split=split)
    made = []
    for sigma in part.sigma.values[::-1]:
        level = part.sel(sigma=sigma)
        made.append(
            {
                "sigma": f"{sigma:.3g}",
                **{str(name): _share(level.sel(theory=name), "explained_variance") for name in level.theory.values},
                "best": _share(level, "best_explained"),
                "combination": _share(level, "combination_explained"),
                "of": _weights(level),
                "null": _share(level, "null_explained"),
            }
        )
    return made


def _share(level: xr.Dataset, name: str) -> str:
    value = float(level[name])
    if not np.isfinite(value):
        return "not finite"
    error = 100 * float(level[f"{name}_stderr"])
    return f"{100 * value:.2f} ± {error:.2f}" if error < FINEST else show(100 * value, error)


def _weights(level: xr.Dataset) -> str:
    """The weights of a combination, largest first, without those that round to zero."""
    pairs = sorted(
        zip(level.combination_weight.values.tolist(), map(str, level.theory.values), strict=True), reverse=True
    )
    return " + ".join(f"{weight:.2f} {name}" for weight, name in pairs if weight >= 0.005) or "-"


def _span(what: str, values: Sequence[float]) -> str:
    low, high = f"{values[0]:.2g}", f"{values[-1]:.2g}"
    return f"at {what}{low}" if low == high else f"from {what}{low} to {high}"


def _range(values: Sequence[int]) -> str:
    return str(min(values)) if min(values) == max(values) else f"{min(values)} to {max(values)}"


def _percent(values: Sequence[float]) -> str:
    if not values:
        return ""
    low, high = _rounded(min(values)), _rounded(max(values))
    return f"{low} %" if low == high else f"{low} to {high} %"


def _rounded(share: float) -> str:
    """A percentage that is never rounded up to 100."""
    percent = 100 * share
    if percent < 99:
        return f"{percent:.0f}"
    return "100" if 1 - share < 1e-9 else f"{np.floor(percent * 10) / 10:.1f}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
