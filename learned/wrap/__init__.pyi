"""Other people's networks as denoisers: whatever they predict, on whatever clock they run."""

from ._diffusers import diffusers as diffusers
from ._diffusers import diffusers_pipeline as diffusers_pipeline
from ._edm import edm as edm
from ._function import function as function
from .clocks import CLOCKS as CLOCKS
from .clocks import Clock as Clock
from .denoiser import WrappedDenoiser as WrappedDenoiser
from .predictions import PREDICTIONS as PREDICTIONS
