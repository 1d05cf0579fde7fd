"""Mean-field theory of the random hierarchy: recursions, thresholds, density evolution."""

from .density_evolution import Population as Population
from .density_evolution import Threshold as Threshold
from .density_evolution import threshold as threshold
from .mean_field import HierarchyTheory as HierarchyTheory
