"""Transitions of the optimal denoiser in noise, and of training in time: one face for all of them."""

from .bifurcation import symmetry_breaking
from .class_pairs import class_speciation
from .clones import class_information, cloning, cloning_probability
from .condensation import collapse, entropy_curve, gaussian_information, mixture_information, rem_entropy
from .spectral_transitions import mode_emergence, speciation
from .training_onset import OnsetLaw, memorisation_onset

__all__ = [
    "OnsetLaw",
    "class_information",
    "class_speciation",
    "cloning",
    "cloning_probability",
    "collapse",
    "entropy_curve",
    "gaussian_information",
    "memorisation_onset",
    "mixture_information",
    "mode_emergence",
    "rem_entropy",
    "speciation",
    "symmetry_breaking",
]
