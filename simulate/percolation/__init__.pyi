"""Percolation simulated: sweeps of lattices, graphs and disks, thresholds and finite-size scaling."""

from .canonical_average import binomial_window as binomial_window
from .canonical_average import canonical as canonical
from .canonical_average import largest_mean as largest_mean
from .canonical_average import objects_for as objects_for
from .canonical_average import poisson_means as poisson_means
from .canonical_average import probabilities as probabilities
from .continuum import Objects as Objects
from .continuum import disk_clusters as disk_clusters
from .continuum import disks as disks
from .continuum import spheres as spheres
from .finite_size import Fit as Fit
from .finite_size import ThresholdEstimate as ThresholdEstimate
from .finite_size import critical_exponents as critical_exponents
from .finite_size import estimate_threshold as estimate_threshold
from .finite_size import finite_size_scaling as finite_size_scaling
from .finite_size import wrapping_slope as wrapping_slope
from .growth import graph as graph
from .growth import sweep as sweep
from .lattice_study import Row as Row
from .lattice_study import Study as Study
from .lattice_study import study as study
