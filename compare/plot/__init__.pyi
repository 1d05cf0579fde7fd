"""Results drawn into any axes, each function labelling what it draws, one colour per theory."""

from ._comparison import plot_denoising_error as plot_denoising_error
from ._comparison import plot_explained as plot_explained
from ._comparison import plot_memorisation as plot_memorisation
from ._comparison import plot_score_gap as plot_score_gap
from ._examples import plot_examples as plot_examples
from ._linearity import plot_linearity as plot_linearity
from ._regimes import plot_agreement as plot_agreement
from ._regimes import plot_copies as plot_copies
from ._regimes import plot_crossovers as plot_crossovers
from ._regimes import plot_regime_map as plot_regime_map
from ._regimes import plot_test_train_gap as plot_test_train_gap
from ._transition_lines import plot_transition_lines as plot_transition_lines
