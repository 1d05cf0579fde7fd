"""Transition times predicted and measured: cloning, speciation, survival of layers."""

from ._image_agreement import image_agreement as image_agreement
from ._null_transitions import null_transitions as null_transitions
from ._null_transitions import null_transitions_json as null_transitions_json
from ._null_transitions import null_transitions_text as null_transitions_text
from ._plot_transitions import plot_transitions as plot_transitions
from .clone_experiments import clone_experiment as clone_experiment
from .clone_experiments import clones as clones
from .layer_survival import feature_survival as feature_survival
from .transition_times import measured_transitions as measured_transitions
from .transition_times import predicted_transition_times as predicted_transition_times
