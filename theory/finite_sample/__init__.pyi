"""What n samples teach a linear denoiser, from the spectrum alone: errors, disagreement, reproducibility."""

from ._agreement_and_overfitting import agreement_size as agreement_size
from ._agreement_and_overfitting import overfitting_noise as overfitting_noise
from ._errors import FiniteSampleErrors as FiniteSampleErrors
from ._errors import errors as errors
from ._kappa import kappa as kappa
from ._kurtosis_factor import KurtosisFactor as KurtosisFactor
from ._kurtosis_factor import kurtosis_factor as kurtosis_factor
from ._reference import reference as reference
from ._sample_cosine import sample_cosine as sample_cosine
from ._sample_cosine import sample_cosine_stderr as sample_cosine_stderr
from ._spiked_overlap import spiked_overlap as spiked_overlap
from .denoiser import FiniteSampleDenoiser as FiniteSampleDenoiser
