"""The local dimension of data as a denoiser sees it: by probes, and by the gaps of the spectrum of its Jacobian."""

from ._local_dimension import local_dimension as local_dimension
from ._spectral_gaps import spectral_gaps as spectral_gaps
