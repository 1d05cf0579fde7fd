"""Masked diffusion: what a revealed symbol costs, the loss curve and its area, how many symbols to reveal at once."""

from ._entropy_profile import EntropyProfile as EntropyProfile
from ._entropy_profile import entropy_profile as entropy_profile
from ._exit_curve import exit_curve as exit_curve
from ._masked_log_likelihood import masked_log_likelihood as masked_log_likelihood
from ._optimal_blocks import block_density as block_density
from ._optimal_blocks import optimal_blocks as optimal_blocks
from ._reference import reference as reference
from ._schedule_cost import cosine_blocks as cosine_blocks
from ._schedule_cost import schedule_cost as schedule_cost
from ._schedule_cost import uniform_blocks as uniform_blocks
