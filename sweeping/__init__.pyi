"""Sweeps: one function at every point of a grid, on one machine or many; each name is loaded when first used."""

from .assembly import results as results
from .grids import Grid as Grid
from .sweeps import sweep as sweep
