r"""The local dimension of a circle in the plane.

Of the uniform distribution on a circle of radius r the posterior mean at |x| = rho is D = r A(z) x / rho with
A = I_1 / I_0 and z = r rho / sigma^2. As A' = 1 - A / z - A^2, the trace of its Jacobian at rho = r is
z A' + A = z (1 - A^2), and |D - x|^2 / sigma^2 = z (1 - A)^2: together

    LID = 2 z (1 - A(z)),      z = r^2 / sigma^2,

1 + sigma^2 / (4 r^2) + ... near the data, where the circle looks like a line, and 2 z far away, where it is a point.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError

FAR = 200.0  # beyond, 1 - A by its series in 1 / z, whose next term is below 1e-13 of the first
SERIES = (1 / 2, 1 / 8, 1 / 8, 25 / 128, 13 / 32, 1073 / 1024)


def circle_dimension(sigma: ArrayLike, radius: float = 1.0) -> Array:
    r"""The local dimension at a point of a circle in the plane: \( 2 z (1 - I_1(z) / I_0(z)) \), z = (r / sigma)^2.

    It is tr dD/dx + |D - x|^2 / sigma^2 [@Kamkari2024] of the uniform distribution on the circle, the same at every
    point of it: 1 for sigma -> 0, and 0 for sigma -> inf, where the circle shrinks to a point.

    Parameters
    ----------
    sigma : array_like
        Noise levels > 0, a number or `(k,)`.
    radius : float
        r > 0.

    Returns
    -------
    np.ndarray
        `(k,)`.

    Raises
    ------
    ArgumentError
        Where the radius is not > 0.
    NoiseLevelError
        Unless every sigma is finite and > 0.

    Examples
    --------
    >>> circle_dimension([0.3, 0.1, 0.05]).round(6)
    array([1.024881, 1.002525, 1.000627])
    """
    grid = check.positive_sigmas("sigma", sigma)
    if not check.real("radius", radius) > 0:
        raise ArgumentError("radius", f"is {radius!r}", "pass a radius > 0")
    with np.errstate(over="ignore", divide="ignore"):  # z from 0 to infinity has both limits
        z = (radius / grid) ** 2
        near = np.minimum(z, FAR)
        direct = 2 * near * (1 - special.i1e(near) / special.i0e(near))
        series = sum(2 * coefficient * z ** -float(k) for k, coefficient in enumerate(SERIES))
    return np.where(z <= FAR, direct, series)
