"""Mean-field theory of the random hierarchy: recursions, thresholds, density evolution."""

from .mean_field import HierarchyTheory as HierarchyTheory
