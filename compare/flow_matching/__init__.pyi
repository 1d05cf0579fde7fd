"""Flow matching on data: the share of the target that can be learned, from a network or from pairs."""

from ._flow_target import flow_target as flow_target
from ._flow_target import flow_target_of_pairs as flow_target_of_pairs
