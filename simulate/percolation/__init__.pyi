"""Percolation simulated: sweeps of lattices, graphs and disks, thresholds and finite-size scaling."""

from ._canonical import canonical as canonical
from ._critical_exponents import critical_exponents as critical_exponents
from ._disks_and_spheres import disk_clusters as disk_clusters
from ._disks_and_spheres import disks as disks
from ._disks_and_spheres import spheres as spheres
from ._estimate_threshold import ThresholdEstimate as ThresholdEstimate
from ._estimate_threshold import estimate_threshold as estimate_threshold
from ._finite_size_scaling import finite_size_scaling as finite_size_scaling
from ._graph import graph as graph
from ._label import label as label
from ._study import Study as Study
from ._study import study as study
from ._sweep import sweep as sweep
from ._sweep import sweep_field as sweep_field
from .sweep_result import Sweep as Sweep
