"""Networks on two-dimensional bumps: composition, data efficiency, representation, percolation."""

from .plans import BumpPlan as BumpPlan
from .plans import plan as plan
from .studies import bump_representation as bump_representation
from .studies import data_efficiency as data_efficiency
from .studies import held_out_composition as held_out_composition
from .studies import percolation_of_accuracy as percolation_of_accuracy
