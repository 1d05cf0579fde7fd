"""Optima with restricted sight: patches of the image (local, equivariant or not) and masks."""

from .masks import MaskedDenoiser as MaskedDenoiser
from .masks import WienerMask as WienerMask
from .patch_sizes import PatchSchedule as PatchSchedule
from .patch_sizes import calibrate_patch_size as calibrate_patch_size
from .patches import LocalDenoiser as LocalDenoiser
from .sampled import LocalEstimate as LocalEstimate
