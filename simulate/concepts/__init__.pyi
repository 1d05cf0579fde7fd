"""Pictures of shape, colour and size on a concept graph, and the splits of their classes."""

from .percolation import concept_percolation as concept_percolation
from .splits import SPLITS as SPLITS
from .splits import Split as Split
from .splits import concept_split as concept_split
from .world import ConceptImages as ConceptImages
from .world import ConceptWorld as ConceptWorld
