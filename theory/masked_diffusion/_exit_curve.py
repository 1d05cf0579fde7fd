"""The loss of the best masked denoiser against the masked share: the EXIT curve, whose area is the entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.estimates import estimates
from ..._support.types import Array, ArrayLike
from ...errors import NoiseLevelError
from ._entropy_profile import EntropyProfile

if TYPE_CHECKING:
    import xarray as xr


def exit_curve(profile: EntropyProfile, masked: ArrayLike | None = None) -> xr.Dataset:
    r"""Cross entropy of the exact posterior on a hidden symbol where each other one is hidden with probability eps.

    \( h(\epsilon) = \sum_a \binom{d-1}{a} (1 - \epsilon)^a \epsilon^{d-1-a} f(a) \), the EXIT function of an erasure
    channel ([@Measson2008]): the loss of masked diffusion ([@Austin2021]) at its minimum. Its area is the entropy,

        int_0^1 h(eps) deps = (1 / d) sum_a f(a) = H(x) / d,

    so that the loss curve of a masked model cannot be lowered at one mask share without being raised at another, and
    where it climbs steeply something about the string is decided: on the Random Hierarchy Model the class.

    Parameters
    ----------
    profile : EntropyProfile
        f(a).
    masked : array (k,), optional
        Shares eps of hidden symbols in [0, 1]; by default 101 of them.

    Returns
    -------
    xarray.Dataset
        `loss` h in nats and its `slope` dh/deps over `masked`, with the `_stderr` of h.

    Raises
    ------
    NoiseLevelError
        For shares outside [0, 1].

    Examples
    --------
    >>> from idealscore.theory.masked_diffusion import entropy_profile
    >>> curve = exit_curve(entropy_profile([[0, 0], [1, 1]]), [0.0, 0.5, 1.0])
    >>> curve.loss.values.round(4).tolist()
    [0.0, 0.3466, 0.6931]
    """
    import xarray as xr

    shares = np.linspace(0, 1, 101) if masked is None else np.atleast_1d(check.float_array("masked", masked))
    if shares.ndim != 1 or not bool(((shares >= 0) & (shares <= 1)).all()):
        raise NoiseLevelError("masked", "holds values that are no shares", "pass numbers in [0, 1]")
    f, d = check.instance("profile", profile, EntropyProfile).full, profile.length
    errors = np.interp(np.arange(d), profile.known, profile.stderr)
    weights = _bernstein(shares, d - 1)
    # the derivative of a Bernstein polynomial is one of the differences
    slope = (d - 1) * (_bernstein(shares, d - 2) @ -np.diff(f)) if d > 1 else np.zeros(len(shares))
    # strings and orders are shared by all a, so that their errors do not average out
    found = estimates("masked", loss=(weights @ f, weights @ errors))
    return xr.Dataset({**found, "slope": ("masked", slope)}, coords={"masked": shares})


def _bernstein(shares: Array, n: int) -> Array:
    """`(k, n + 1)`: probabilities that a of n are visible, each hidden with probability `shares`."""
    from scipy.stats import binom

    return binom.pmf(np.arange(n + 1), n, (1 - shares)[:, None])
