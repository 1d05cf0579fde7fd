"""Strings of a random hierarchy: sampling, noise and denoising, step-by-step reverse processes."""

from ._corrupt import corrupt as corrupt
from ._exact_predictor import Predictor as Predictor
from ._exact_predictor import exact_predictor as exact_predictor
from ._forward_backward import forward_backward as forward_backward
from ._level_profile import level_profile as level_profile
from ._sample import sample as sample
from ._valid_fraction import valid_fraction as valid_fraction
from .posterior_sampler import PosteriorSampler as PosteriorSampler
from .reverse_sampler import ReverseSampler as ReverseSampler
