"""Composition of concepts in closed form: concept graph, multiplicative and additive laws, emergence."""

from ._concept_signal import concept_signal as concept_signal
from ._joint_bounds import joint_bounds as joint_bounds
from .concept_graph import ConceptGraph as ConceptGraph
from .emergence import emergence_time as emergence_time
from .emergence import predicted_emergence as predicted_emergence
from .laws import additive_law as additive_law
from .laws import multiplicative_law as multiplicative_law
from .laws import toy_law as toy_law
