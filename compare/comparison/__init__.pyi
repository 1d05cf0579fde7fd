"""The main job: a network against the optima of its training set, as numbers, table, figure and page."""

from ._against import Comparison as Comparison
from ._against import compare as compare
from ._against import predicted_transitions as predicted_transitions
from ._figure import figure as figure
from ._optima import optima as optima
from ._page import headline as headline
from ._page import page as page
from ._report import report as report
from ._table import aligned as aligned
from ._table import closest as closest
from ._table import ddpm_step as ddpm_step
from ._table import legend as legend
from ._table import rows as rows
from ._table import table as table
from ._table import transition_rows as transition_rows
from ._track import track as track
from ._trained_range import noise_range as noise_range
from ._trained_range import trained_range as trained_range
from .several_models import compare_models as compare_models
from .several_models import one_model as one_model
