"""What a network cannot learn whose input passes a layer narrower than itself: to remove all of the noise."""

from __future__ import annotations

import numpy as np

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import NoiseLevelError


def bottleneck_error(width: int, dim: int, sigma: ArrayLike, sigma_data: float) -> Array:
    r"""The least error at a training point of a denoiser that sees its input through `width` linear units.

    A perceptron D = c_skip x + c_out F(W x) with the skip c_skip = sigma_d^2 / (sigma^2 + sigma_d^2) of [@Karras2022]
    and a first layer W of `width` rows has at x = y + sigma n, by Stein's lemma, and since W does not see dim - width
    directions,

        E|D - y|^2 >= |E[(D - y) n^T]|^2 = sigma^2 |c_skip I + c_out E[F'] W|^2 >= sigma^2 c_skip^2 (dim - width)

    whatever F is and however long it is trained: it comes no nearer to the empirical optimum, which is y at small
    noise. The equation is derived on the page on memorisation.

    Parameters
    ----------
    width : int
        Units of the first layer.
    dim : int
        Entries of an event.
    sigma : array
        Noise levels, 0 or more.
    sigma_data : float
        Standard deviation of the data per entry that the skip is made of, > 0; inf for a network that predicts the
        noise, whose skip is 1.

    Returns
    -------
    array
        sqrt(E|D - y|^2 / dim), like `sigma`; 0 where width is dim or more.

    Raises
    ------
    ArgumentError
        If `width` or `dim` is no number >= 1, or `sigma_data` not > 0.
    NoiseLevelError, NotFiniteError
        If a noise level is negative, or not finite.

    Examples
    --------
    >>> bottleneck_error(24, 64, [0.05, 0.7], 0.75).round(3)
    array([0.039, 0.296])
    >>> bottleneck_error(64, 64, 0.7, 0.75).item()
    0.0
    """
    width, dim = check.integer("width", width, 1), check.integer("dim", dim, 1)
    levels = check.finite("sigma", check.float_array("sigma", sigma))
    if (levels < 0).any():
        raise NoiseLevelError("sigma", "is negative", "pass noise levels >= 0")
    scale = check.number("sigma_data", sigma_data, 1e-12)
    with np.errstate(over="ignore"):
        skip = 1 / (1 + np.square(levels / scale))
    return np.asarray(levels * skip * np.sqrt(max(0.0, 1 - width / dim)))
