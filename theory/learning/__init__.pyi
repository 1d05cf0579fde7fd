"""Learning dynamics in closed form: linear denoisers mode by mode, finite data, the swing-by model."""

from .finite_data import early_stopping as early_stopping
from .finite_data import minibatch_error as minibatch_error
from .finite_data import population_loss as population_loss
from .linear import LinearLearning as LinearLearning
from .swing_by import SwingBy as SwingBy
