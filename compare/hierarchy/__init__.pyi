"""Networks on hierarchical data against exact belief propagation, level by level."""

from .tracking import hierarchy_progress as hierarchy_progress
from .tracking import hierarchy_track as hierarchy_track
