"""Networks on concept classes: training studies, accuracy curves, emergence and rare concepts."""

from .curves import concept_curves as concept_curves
from .curves import curves_from_table as curves_from_table
from .curves import read_curves as read_curves
from .emergence import by_distance as by_distance
from .emergence import composition as composition
from .emergence import crossing_time as crossing_time
from .emergence import independence_error as independence_error
from .presets import concept_plan as concept_plan
from .rare_concepts import critical_samples as critical_samples
from .training import ConceptPlan as ConceptPlan
from .training import EvenConfig as EvenConfig
from .training import concept_study as concept_study
from .training import frequency_study as frequency_study
