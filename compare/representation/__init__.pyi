"""Geometry and topology of a representation: factorisation, tangents, homology, tori."""

from ._factorisation import factorisation as factorisation
from ._factorisation import factorisation_of_values as factorisation_of_values
from ._factorisation import representation_layers as representation_layers
from ._persistence import persistence as persistence
from ._tangents import additive_share as additive_share
from ._tangents import participation_ratio as participation_ratio
from ._tangents import tangent_cosines as tangent_cosines
from ._tangents import winding as winding
from .torus import CLIFFORD as CLIFFORD
from .torus import clifford_torus as clifford_torus
from .torus import three_torus as three_torus
from .torus import three_torus_values as three_torus_values
