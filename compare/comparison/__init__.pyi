"""The main job: a network against the optima of its training set, as numbers, table, figure and page."""

from ._compare import compare as compare
from ._explanation import explanation as explanation
from ._figure import figure as figure
from ._optima import optima as optima
from ._own_levels.trained_range import noise_range as noise_range
from ._own_levels.trained_range import trained_range as trained_range
from ._page import page as page
from ._predicted_transitions import predicted_transitions as predicted_transitions
from ._report import report as report
from ._table import table as table
from ._track import track as track
from .job import run_comparison as run_comparison
from .options import Comparison as Comparison
from .several_models import compare_models as compare_models
from .several_models import one_model as one_model
