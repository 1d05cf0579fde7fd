"""Networks on two-dimensional bumps: composition, data efficiency, representation, percolation."""

from ._bump_representation import bump_representation as bump_representation
from ._data_efficiency import data_efficiency as data_efficiency
from ._held_out_composition import held_out_composition as held_out_composition
from ._percolation_of_accuracy import percolation_of_accuracy as percolation_of_accuracy
from .plans import BumpPlan as BumpPlan
from .plans import plan as plan
