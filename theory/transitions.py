"""Transitions of the optimal denoiser in noise, and of training in time: one face for all of them."""

from .condensation import collapse, gaussian_information
from .spectral_transitions import mode_emergence, speciation

__all__ = ["collapse", "gaussian_information", "mode_emergence", "speciation"]
