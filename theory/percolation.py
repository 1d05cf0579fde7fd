"""Percolation in closed form and from the literature: one face for the modules that hold it.

`lattices` (lattices as data), `lattice_thresholds`, `critical_exponents`, `wrapping` (the torus), `random_graphs` and
`critical_data` (bumps and concept matrices). What is simulated to check them is in `simulate.percolation`.
"""

from .critical_data import critical_data_fraction, critical_data_number, extended_threshold, link_radius
from .critical_exponents import (
    Exponent,
    Exponents,
    exponents,
    mean_size_scale,
    order_parameter_scale,
    scaling_variable,
)
from .lattice_thresholds import Threshold, all_thresholds, exact_thresholds, threshold
from .lattices import LATTICES, Lattice, extended_square, find_lattice, hypercubic
from .random_graphs import (
    bethe_order_parameter,
    bethe_threshold,
    bipartite_giant,
    bipartite_threshold,
    giant_component,
    graph_threshold,
    hypergraph_branching,
    hypergraph_giant,
)
from .wrapping import WrappingProbabilities, pinson, wrapping_probabilities

__all__ = [
    "LATTICES",
    "Exponent",
    "Exponents",
    "Lattice",
    "Threshold",
    "WrappingProbabilities",
    "all_thresholds",
    "bethe_order_parameter",
    "bethe_threshold",
    "bipartite_giant",
    "bipartite_threshold",
    "critical_data_fraction",
    "critical_data_number",
    "exact_thresholds",
    "exponents",
    "extended_square",
    "extended_threshold",
    "find_lattice",
    "giant_component",
    "graph_threshold",
    "hypercubic",
    "hypergraph_branching",
    "hypergraph_giant",
    "link_radius",
    "mean_size_scale",
    "order_parameter_scale",
    "pinson",
    "scaling_variable",
    "threshold",
    "wrapping_probabilities",
]
