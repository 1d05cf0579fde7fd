"""Which transitions of a data set are its own, and which would null data have too?

Every transition of the digits on one axis of noise, in every clock, next to those of null data: a Gaussian of the same
mean and covariance, the same images with random phases, the same labels in random order, and every pixel with the
values of other images ([@Biroli2024] for the transitions, [@Theiler1992] for the surrogates). What the Gaussian has at
the same place is due to the spectrum alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import Findings

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

DRAWS = {"small": 1000, "full": 8000}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`null_transitions` of the digits."""
    from ..._support import checks as check
    from ...compare.transitions import null_transitions
    from ...learned.data import load

    digits = load("digits")
    draws = DRAWS[check.choice("scale", scale, DRAWS)]
    found = null_transitions(digits.images, digits.labels, n_modes=4, n_draws=draws, seed=seed)
    return found.assign_attrs(scale=scale, seed=seed)


def findings(dataset: xr.Dataset) -> Findings:
    """Which transitions the Gaussian null shares, and which it does not have or has elsewhere."""
    from ..._support.estimates import show

    def at(name: str, source: str) -> str:
        one = dataset.sel(transition=name, source=source, clock="sigma")
        return show(float(one.place), float(one.place_stderr)) if float(one.place) > 0 else "none"

    rows = dataset.transition.values.tolist()
    z = dataset.z.sel(source="gaussian")
    alike = [name for name in rows if abs(float(z.sel(transition=name))) < 3]
    other = [name for name in rows if name not in alike]
    places = "; ".join(f"{name} {at(name, 'data')} and {at(name, 'gaussian')}" for name in rows)
    places, alike, other = (part.replace(" | ", " from ") for part in (places, ", ".join(alike), ", ".join(other)))
    return Findings(
        "modes, speciation and the Gaussian bound are functions of the spectrum: a Gaussian has them too; classes and "
        "the collapse of the data are not",
        f"sigma of the data and of the Gaussian null: {places}",
        f"the spectrum alone explains {alike}; not {other or 'any'}",
    )


def draw(dataset: xr.Dataset) -> Figure:
    """All transitions on one axis of noise."""
    from ...compare.transitions import plot_transitions

    return plot_transitions(dataset)
