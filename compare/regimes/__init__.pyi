"""The regime map: memorising, Gaussian or something else over training-set size, width and step."""

from ._regime_map import regime_map as regime_map
from ._regime_map import regime_networks as regime_networks
from ._table import table as table
from .figure import regime_figure as regime_figure
from .plan import RegimePlan as RegimePlan
