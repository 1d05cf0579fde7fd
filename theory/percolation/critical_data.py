r"""How much data makes its manifold connected: percolation of overlapping bumps [@Liang2024].

Images of a Gaussian bump of width sigma, centred on a square lattice of spacing d, of which a random fraction lambda
is kept. Two images are neighbours where their normalised overlap exceeds theta. The overlap of two equal bumps at
distance D is exp(-D^2 / (4 sigma^2)), so neighbours lie within

    r = 2 sigma sqrt(ln(1 / theta)),

and the data are site percolation on the square lattice with the z sites within r / d as neighbours. The threshold
lambda_c is that of the lattice where it is known, else c / (z + b) with c = 4 eta_c of overlapping disks, which is
exact for large z, and b = 3.3 [@Xun2021].
"""

from __future__ import annotations

import math

from ..._support import checks as check
from ...errors import ArgumentError
from ..transition import Law, Transition
from .lattices import sites_within
from .thresholds import all_thresholds, threshold

LARGEST_RATIO, MOST_SPACINGS = 1e150, 1e4
OFFSET = 3.3
OFFSET_ERROR = 0.05  # largest relative deviation of c / (z + 3.3) from known thresholds, z = 4 ... 36


def link_radius(width: float, overlap: float) -> float:
    """r = 2 sigma sqrt(ln(1 / theta)): the largest distance at which two bumps are neighbours [@Liang2024].

    Parameters
    ----------
    width : float
        sigma > 0 of the bumps.
    overlap : float
        theta in (0, 1), the normalised overlap above which two images are neighbours.

    Returns
    -------
    float
        r, in the unit of `width`.

    Raises
    ------
    ArgumentError
        For values outside, or at the edge of, their ranges.

    Examples
    --------
    >>> round(link_radius(1.0, 0.005), 4)
    4.6036
    """
    width = check.real("width", width, 0.0)
    overlap = check.real("overlap", overlap, 0.0, 1.0)
    if width == 0.0 or overlap in (0.0, 1.0):
        raise ArgumentError(
            "width" if width == 0.0 else "overlap", "is at the edge of its range", "pass 0 < theta < 1, sigma > 0"
        )
    return 2 * width * math.sqrt(math.log(1 / overlap))


def extended_threshold(coordination: int) -> tuple[float, float, str]:
    """Site threshold of the square lattice with z neighbours in a disk: value, standard error and source.

    Beyond the lattices that are held it is c / (z + 3.3) with c = 4 eta_c of overlapping disks [@Xun2021].

    >>> extended_threshold(8)[0] == 1 - threshold("square", "site").value
    True
    """
    name = "square" if coordination == 4 else f"square{coordination}"
    held = all_thresholds().get((name, "site"))
    if held is not None:
        return held.value, held.stderr, held.reference
    value = 4 * threshold("disks", "continuum").value / (coordination + OFFSET)
    return value, OFFSET_ERROR * value, "Xun2021"


def critical_data_fraction(spacing: float, width: float, overlap: float = 0.005) -> Transition:
    """The fraction lambda_c of the data at which bumps of `width` on a lattice of `spacing` become connected.

    It is the site threshold of the square lattice with all z neighbours within r / d, r = `link_radius` [@Liang2024].

    Parameters
    ----------
    spacing : float
        d > 0, the distance of neighbouring bumps.
    width : float
        sigma > 0 of the bumps, in the unit of `spacing`.
    overlap : float, default 0.005
        theta in (0, 1), the normalised overlap above which two images are neighbours.

    Returns
    -------
    Transition
        The fraction; its value is None, with the reason in `note`, where not even nearest neighbours overlap.

    Raises
    ------
    ArgumentError
        For values outside, or at the edge of, their ranges.

    Examples
    --------
    >>> round(critical_data_fraction(1.0, 0.25).value, 6)
    0.592746
    >>> critical_data_fraction(1.0, 0.2).note
    'bumps one spacing apart do not overlap: r/d = 0.9207 < 1'
    """
    spacing = check.real("spacing", spacing, 0.0)
    if spacing == 0.0:
        raise ArgumentError("spacing", "is 0", "pass the distance of neighbouring bumps")
    ratio = link_radius(width, overlap) / spacing
    if not ratio <= MOST_SPACINGS:
        raise ArgumentError("spacing", f"is {spacing:g} for bumps of width {width:g}", "pass lengths in one unit")
    equation = r"\lambda_c = p_c(z), z = \#\{0 < i^2 + j^2 \le (r/d)^2\}, r = 2\sigma\sqrt{\ln 1/\theta}"
    law = Law("connected data", equation=equation, reference="Liang2024", unit="fraction")
    z = sites_within(ratio)
    if z == 0:
        return law.absent(f"bumps one spacing apart do not overlap: r/d = {ratio:.4g} < 1")
    value, stderr, source = extended_threshold(z)
    return law.at(value, stderr, f"z = {z}, p_c from {source}")


def critical_data_number(canvas: float, width: float, overlap: float = 0.005) -> float:
    """Images needed on a `canvas` x `canvas` frame with fine spacing: 4 eta_c (canvas / r)^2 / pi.

    The mean degree at the threshold of overlapping disks is 4 eta_c = 4.5123 [@Mertens2012].

    Parameters
    ----------
    canvas : float
        The side of the frame.
    width : float
        sigma > 0 of the bumps, in the unit of `canvas`.
    overlap : float, default 0.005
        theta in (0, 1), the normalised overlap above which two images are neighbours.

    Returns
    -------
    float
        The number of images.

    Raises
    ------
    ArgumentError
        For values outside their ranges.

    Examples
    --------
    >>> round(critical_data_number(32.0, 1.0), 1)
    69.4
    """
    canvas = check.real("canvas", canvas, 0.0)
    ratio = canvas / link_radius(width, overlap)
    if not ratio <= LARGEST_RATIO:
        raise ArgumentError("canvas", f"is {canvas:g} for bumps of width {width:g}", "pass lengths in one unit")
    return 4 * threshold("disks", "continuum").value * ratio**2 / math.pi
