"""Single measures of a trained denoiser: linearity, memorisation, reproducibility, distillation, learning of modes."""

from ._hand_over import HandOver as HandOver
from ._hand_over import handover as handover
from ._linearity import linearity as linearity
from ._memorisation import memorisation as memorisation
from ._network_identities import identities_table as identities_table
from ._network_identities import network_identities as network_identities
from ._paired_samples import paired_samples as paired_samples
from ._power_law import power_law as power_law
from ._probed_range import probed_range as probed_range
from ._reproducibility import pairwise_reproducibility as pairwise_reproducibility
from ._reproducibility import reproducibility as reproducibility
from .affine import AffineDenoiser as AffineDenoiser
from .affine import fit_affine as fit_affine
from .controlled_noise import controlled_reproducibility as controlled_reproducibility
from .crossing import mean_crossing as mean_crossing
from .curve_fit import fit_curve as fit_curve
from .distillation import distill_linear as distill_linear
from .duplicates import exact_duplicates as exact_duplicates
from .mode_learning import learning_curves as learning_curves
from .mode_learning import mode_gains as mode_gains
from .neighbours import nearest_neighbours as nearest_neighbours
