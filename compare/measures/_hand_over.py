"""Is this network a denoiser of these data? Asked before any theory: a wrong convention looks like a bad network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.estimates import show
from ..._support.modules import in_evaluation
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike
from ...theory.denoiser import Denoiser
from ...theory.gaussian import GaussianDenoiser
from ...theory.levels import known_range
from ._handover.causes import counting, findings, remedy
from ._handover.trial import ERRORS, Trial, behaviour


@dataclass(frozen=True, eq=False)
class HandOver:
    """What the hand-over test found.

    Parameters
    ----------
    warnings : tuple of str
        What is wrong, and what to do; empty for a network that denoises these data.
    levels : xarray.Dataset
        Over `sigma`: `network_error`, `gaussian_error` and `nothing_error`, the mean squared errors of the network, of
        the Gaussian optimum and of leaving the noise in, each with `_stderr`; mean and standard deviation of the
        answers, `network_mean`, `network_std`, `gaussian_mean`, `gaussian_std`.

    Examples
    --------
    >>> from idealscore.theory import GaussianDenoiser
    >>> import torch
    >>> x0 = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    >>> handover(GaussianDenoiser.fit(x0), x0).ok
    True
    """

    warnings: tuple[str, ...]
    levels: xr.Dataset

    @property
    def ok(self) -> bool:
        """Whether there is nothing to warn of."""
        return not self.warnings

    @property
    def table(self) -> str:
        """The errors, a line for each noise level."""
        head = f"{'sigma':>9}  {'network':>18}  {'Gaussian optimum':>18}  {'nothing done':>18}"
        lines = [head]
        for sigma in self.levels.sigma.values:
            at = self.levels.sel(sigma=sigma)
            cells = [show(float(at[f"{k}_error"]), float(at[f"{k}_error_stderr"])) for k in ERRORS]
            lines.append(f"{sigma:>9.3g}  " + "  ".join(f"{cell:>18}" for cell in cells))
        return "\n".join(lines)

    def __str__(self) -> str:
        return "\n".join([self.table, *self.warnings])


@partial(typed, says={"x": "data", "covariance": "data"})
def handover(
    network: Denoiser,
    data: ArrayLike,
    *,
    training: ArrayLike | None = None,
    sigmas: ArrayLike | None = None,
    n_images: int = 32,
    seed: int = 0,
) -> HandOver:
    """Hold a network against the Gaussian optimum of the data and against doing nothing, on a few images per level.

    At large noise every good denoiser is close to the Gaussian optimum of its data, and at none is it worse than
    leaving the noise in. A network that is, or whose answers have another mean or standard deviation, was most likely
    handed over with a wrong convention: then one option at a time is changed, and the one that mends it is named. Also
    tried: NaN, answers that change from call to call or with the batch, derivatives in x and sigma against
    differences, and for a network in steps whether it counts them from 0 or from 1.

    Parameters
    ----------
    network : Denoiser
        The network, or any other denoiser; it stays as it is.
    data : array_like, shape (n, *event)
        Clean images, best held out from training; two at least.
    training : array_like, shape (m, *event), optional
        Images that the Gaussian optimum is made of (default: `data`).
    sigmas : array_like, shape (levels,), optional
        Noise levels (default: five from 0.1 to 10 standard deviations of the data that the network knows).
    n_images : int, optional
        At most so many images are noised.
    seed : int, optional
        Of the noise.

    Returns
    -------
    HandOver
        With `warnings`, `table` and `ok`.

    Raises
    ------
    EmptyDataError
        If there are fewer than two images.
    NoiseLevelError
        If a noise level is not finite and > 0.

    Examples
    --------
    A network that was trained on images in [0, 1], handed over as if they were in [-1, 1]:

    >>> import torch
    >>> from idealscore.theory import GaussianDenoiser
    >>> x0 = 2 * torch.rand(200, 3, generator=torch.Generator().manual_seed(0)) - 1
    >>> right = GaussianDenoiser.fit((x0 + 1) / 2)
    >>> found = handover(lambda x, sigma: right(x, sigma), x0)
    >>> "range=(0, 1)" in found.warnings[-1]
    True
    """
    data = check.points("data", data, minimum=2)
    reference = data if training is None else check.points("training", training, minimum=2)
    mean, std = float(reference.double().mean()), float(reference.double().std(correction=0)) or 1.0
    levels = _levels(network, std) if sigmas is None else np.sort(check.positive_sigmas("sigmas", sigmas))
    images = data[: check.integer("n_images", n_images, 2)]
    trial = Trial(GaussianDenoiser.fit(reference), images, levels, seed)
    safe = in_evaluation(network)
    measured = trial.measure(safe)
    found = findings(trial, measured, std)
    found += remedy(trial, network, measured, mean, std) if found else counting(trial, network, seed)
    found += behaviour(network, trial.noisy[len(levels) // 2][:4], float(levels[len(levels) // 2]))
    return HandOver(tuple(found), trial.dataset(measured))


def _levels(network: object, std: float) -> Array:
    """Five levels from 0.1 to 10 standard deviations of the data, as far as the network knows them."""
    low, high = known_range(network)
    low, high = max(0.1 * std, low * (1 + 1e-6)), min(10 * std, high * (1 - 1e-6))
    return np.geomspace(low, high, 5) if low < high else np.array([min(max(std, low), high)])
