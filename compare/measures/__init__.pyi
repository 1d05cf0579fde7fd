"""Single measures of a trained denoiser: linearity, memorisation, reproducibility, distillation, learning of modes."""

from ._linearity import linearity as linearity
from ._memorisation import exact_duplicates as exact_duplicates
from ._memorisation import memorisation as memorisation
from ._memorisation import nearest_neighbours as nearest_neighbours
from ._memorisation import wilson_interval as wilson_interval
from ._network_identities import network_identities as network_identities
from ._network_identities import rows as rows
from ._network_identities import table as table
from ._power_law import power_law as power_law
from ._reproducibility import paired_samples as paired_samples
from ._reproducibility import pairwise_reproducibility as pairwise_reproducibility
from ._reproducibility import reproducibility as reproducibility
from .controlled_noise import controlled_reproducibility as controlled_reproducibility
from .crossings import mean_crossing as mean_crossing
from .curve_fit import fit_curve as fit_curve
from .distillation import AffineDenoiser as AffineDenoiser
from .distillation import distill_linear as distill_linear
from .distillation import fit_affine as fit_affine
from .mode_learning import crossing_times as crossing_times
from .mode_learning import learning_curves as learning_curves
from .mode_learning import mode_gains as mode_gains
