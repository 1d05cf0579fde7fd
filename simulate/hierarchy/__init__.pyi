"""Strings of a random hierarchy: sampling, noise and denoising, step-by-step reverse processes."""

from .reverse import ReverseSampler as ReverseSampler
from .reverse import exact_predictor as exact_predictor
from .strings import corrupt as corrupt
from .strings import crossing as crossing
from .strings import forward_backward as forward_backward
from .strings import level_profile as level_profile
from .strings import moments_by_level as moments_by_level
from .strings import sample as sample
from .strings import valid_fraction as valid_fraction
