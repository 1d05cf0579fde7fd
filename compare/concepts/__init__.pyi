"""Networks on concept classes: training studies, accuracy curves, emergence and rare concepts."""

from ._by_distance import by_distance as by_distance
from ._critical_samples import critical_samples as critical_samples
from ._crossing_time import crossing_time as crossing_time
from ._frequency_study import frequency_study as frequency_study
from ._independence_error import independence_error as independence_error
from .curves import concept_curves as concept_curves
from .curves import curves_from_table as curves_from_table
from .curves import read_curves as read_curves
from .emergence import composition as composition
from .even_config import EvenConfig as EvenConfig
from .presets import concept_plan as concept_plan
from .training import ConceptPlan as ConceptPlan
from .training import concept_study as concept_study
