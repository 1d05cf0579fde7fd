"""Transitions of the optimal denoiser in noise, and of training in time."""

from ._class_speciation import class_speciation as class_speciation
from ._cloning import cloning as cloning
from ._cloning import cloning_probability as cloning_probability
from ._collapse import collapse as collapse
from ._entropy import entropy_curve as entropy_curve
from ._entropy import rem_entropy as rem_entropy
from ._hierarchy import hierarchy as hierarchy
from ._information import gaussian_information as gaussian_information
from ._information import mixture_information as mixture_information
from ._memorisation_onset import OnsetLaw as OnsetLaw
from ._memorisation_onset import memorisation_onset as memorisation_onset
from ._mode_emergence import mode_emergence as mode_emergence
from ._speciation import speciation as speciation
from ._symmetry_breaking import symmetry_breaking as symmetry_breaking
from ._two_classes import class_information as class_information
