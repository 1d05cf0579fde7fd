"""Other people's networks as denoisers: whatever they predict, on whatever clock they run."""

from ._azula import azula as azula
from ._deepinv import deepinv as deepinv
from ._diffusers import diffusers as diffusers
from ._diffusers_files import diffusers_pipeline as diffusers_pipeline
from ._edm import edm as edm
from ._function import function as function
from ._identify import identify as identify
from ._k_diffusion import k_diffusion as k_diffusion
from ._lucidrains import lucidrains as lucidrains
from ._smalldiffusion import smalldiffusion as smalldiffusion
from ._torchcfm import torchcfm as torchcfm
from .clocks import CLOCKS as CLOCKS
from .clocks import Clock as Clock
from .denoiser import WrappedDenoiser as WrappedDenoiser
from .identification import Identification as Identification
from .predictions import PREDICTIONS as PREDICTIONS
