"""Learning in closed form: linear denoisers mode by mode, finite data, the swing-by model, narrow networks."""

from .bottleneck import bottleneck_error as bottleneck_error
from .early_stopping_loss import early_stopping as early_stopping
from .early_stopping_loss import population_loss as population_loss
from .linear import LinearLearning as LinearLearning
from .minibatches import minibatch_error as minibatch_error
from .swing_by import SwingBy as SwingBy
