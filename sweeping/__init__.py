"""Sweeps: one function at every point of a grid, on one machine or many; each name is loaded when first used."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "assembly": ["results"],
        "grids": ["Grid"],
        "sweeps": ["sweep"],
    },
)
