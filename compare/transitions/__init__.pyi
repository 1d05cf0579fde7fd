"""Transition times predicted and measured: cloning, speciation, survival of layers."""

from .cloning_experiment import clone_experiment as clone_experiment
from .cloning_experiment import clones as clones
from .layer_survival import feature_survival as feature_survival
from .times import image_agreement as image_agreement
from .times import measured_transitions as measured_transitions
from .times import predicted_transition_times as predicted_transition_times
