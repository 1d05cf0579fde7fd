"""Flow matching: how much of the regression target is noise that no network can predict."""

from ._flow_target_ratio import flow_target_ratio as flow_target_ratio
from ._flow_target_ratio import gaussian_flow_target_ratio as gaussian_flow_target_ratio
from ._reference import reference as reference
