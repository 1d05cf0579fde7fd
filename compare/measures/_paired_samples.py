"""Samples of several models from one and the same noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypedDict

import torch

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import ArrayLike, Device
from ...errors import EmptyDataError
from ...simulate.diffusion import sample, starting_noise
from ...theory.denoiser import Denoiser
from ...theory.levels import falling_levels
from ...theory.noise import karras_sigmas

METHODS = ("heun", "euler", "ddim")


class SamplingOptions(TypedDict, total=False):
    """The options of `paired_samples` in addition to models, shape, number and seed."""

    sigmas: ArrayLike | None
    method: str
    dtype: torch.dtype
    device: Device
    show: bool | None


@partial(typed, says={"x": "event_shape"})
def paired_samples(
    models: Mapping[str, Denoiser],
    event_shape: Sequence[int],
    n: int = 64,
    *,
    sigmas: ArrayLike | None = None,
    method: str = "heun",
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: Device = "cpu",
    show: bool | None = None,
) -> dict[str, torch.Tensor]:
    """Samples of every model from the same noise, by a deterministic sampler.

    Parameters
    ----------
    models : mapping of str to Denoiser
        The models by name.
    event_shape : sequence of int
        The shape of one sample.
    n : int, optional
        Samples of each model.
    sigmas : array_like, optional
        Decreasing noise levels (default: 18 levels of [@Karras2022] from 80 to 0.002, then 0).
    method : {"heun", "euler", "ddim"}, optional
        The sampler.
    seed : int, optional
        Of the starting noise.
    dtype : torch.dtype, optional
        Of the samples.
    device : torch.device or str, optional
        Where the samples are drawn.
    show : bool, optional
        Show progress bars (default: on a terminal).

    Returns
    -------
    dict of str to Tensor
        For each model `(n, *event_shape)`, draw j of all from the same noise.

    Raises
    ------
    EmptyDataError
        If there is no model.
    UnknownNameError
        If `method` is unknown or draws noise of its own.

    Examples
    --------
    >>> halve = lambda x, sigma: x / 2
    >>> drawn = paired_samples({"one": halve, "two": halve}, (3,), n=2)
    >>> drawn["one"].shape, bool((drawn["one"] == drawn["two"]).all())
    (torch.Size([2, 3]), True)
    """
    if not models:
        raise EmptyDataError("models", "is empty", "pass {name: denoiser}")
    check.choice("method", method, METHODS)
    grid = falling_levels([*karras_sigmas(), 0.0] if sigmas is None else sigmas)
    noise = starting_noise(n, event_shape, float(grid[0]), seed, dtype).to(device)
    return {name: sample(model, noise, grid, method, show=show) for name, model in models.items()}
