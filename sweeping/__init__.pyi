"""Sweeps: one function at every point of a grid, on one machine or many; each name is loaded when first used."""

from ._results import results as results
from ._sweep import sweep as sweep
from .grids import Grid as Grid
