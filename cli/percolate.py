"""`idealscore percolate LATTICE`: threshold, wrapping probabilities and exponents next to the exact values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Command:
    """Percolation on a lattice at sizes L/4, L/2 and L, by Newman-Ziff sweeps."""

    lattice: tyro.conf.Positional[str] = "square"
    """square, triangular, honeycomb, kagome, cubic, ..., or disks, spheres"""
    kind: str = "site"
    """site or bond; continuum for disks and spheres"""
    size: int = 256
    """side of the largest box, in cells (in diameters for disks and spheres)"""
    runs: int = 1000
    """independent runs per size"""
    seed: int = 0
    workers: int = 1
    """threads; the result does not depend on their number"""
    out: str = ""
    """netCDF file of the curves (default: percolate-LATTICE-KIND.nc)"""
    json: bool = False
    """print the table as JSON"""

    def run(self) -> None:
        from .._support.results import save
        from ..simulate.percolation import study

        result = study(self.lattice, self.kind, self.size, self.runs, self.seed, workers=self.workers)
        path = save(result.curves, Path(self.out or f"percolate-{self.lattice}-{self.kind}.nc"))
        if self.json:
            import json

            print(json.dumps(result.records(), indent=2))
        else:
            print(result.table())
            print(f"\nwritten: {path}")
