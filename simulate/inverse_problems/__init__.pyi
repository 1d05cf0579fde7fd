"""Samples of p(x0 | y) for a linear measurement y = A x0 + s n, from any denoiser of the prior."""

from ._blurring import blurring as blurring
from ._empirical_posterior import EmpiricalPosterior as EmpiricalPosterior
from ._guided_denoiser import GuidedDenoiser as GuidedDenoiser
from ._inpainting import inpainting as inpainting
from ._measure import measure as measure
