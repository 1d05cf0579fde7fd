r"""The scaling forms of percolation near p_c, for a system of side L:

S_max / N = L^{-beta/nu} F((p - p_c) L^{1/nu})
sum s^2 / N = L^{gamma/nu} G((p - p_c) L^{1/nu})
R = H((p - p_c) L^{1/nu})
"""

from __future__ import annotations

from ..._support import checks as check
from .critical_exponents import exponents


def scaling_variable(p: float, threshold: float, size: float, dimension: int = 2) -> float:
    """(p - p_c) L^{1/nu}, the variable of the scaling forms.

    Parameters
    ----------
    p : float
        The fraction of occupied sites or bonds.
    threshold : float
        p_c.
    size : float
        The side L.
    dimension : int, default 2
        As in `exponents`.

    Returns
    -------
    float
        The variable in which curves of all sizes fall onto one.

    Raises
    ------
    ArgumentError
        For a dimension whose exponents are not held.

    Examples
    --------
    >>> round(scaling_variable(0.51, 0.5, 256.0), 9)
    0.64
    """
    p, threshold = check.real("p", p), check.real("threshold", threshold)
    return (p - threshold) * _size(size) ** exponents(dimension).one_over_nu.value


def order_parameter_scale(size: float, dimension: int = 2) -> float:
    """L^{-beta/nu}, by which S_max / N of side L is divided in a data collapse.

    Parameters
    ----------
    size : float
        The side L.
    dimension : int, default 2
        As in `exponents`.

    Returns
    -------
    float
        The scale of S_max / N.

    Raises
    ------
    ArgumentError
        For a dimension whose exponents are not held.

    Examples
    --------
    >>> round(order_parameter_scale(4096.0) / order_parameter_scale(256.0), 6)
    0.749154
    """
    return _size(size) ** -exponents(dimension).beta_over_nu.value


def mean_size_scale(size: float, dimension: int = 2) -> float:
    """L^{gamma/nu}, by which sum s^2 / N of side L is divided in a data collapse.

    Parameters
    ----------
    size : float
        The side L.
    dimension : int, default 2
        As in `exponents`.

    Returns
    -------
    float
        The scale of sum s^2 / N.

    Raises
    ------
    ArgumentError
        For a dimension whose exponents are not held.

    Examples
    --------
    >>> round(mean_size_scale(100.0, dimension=6), 6)
    10000.0
    """
    return _size(size) ** exponents(dimension).gamma_over_nu.value


def _size(size: float) -> float:
    return check.real("size", size, 1e-100, 1e100)
