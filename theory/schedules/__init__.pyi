"""How to sample: the exact error of N steps for Gaussian data, and the noise levels that make it least."""

from ._ddpm_schedule_steps import ddpm_schedule_steps as ddpm_schedule_steps
from ._inputs import SOLVERS as SOLVERS
from ._optimal_schedule import optimal_schedule as optimal_schedule
from ._reference import reference as reference
from ._sampled_std import sampled_gain as sampled_gain
from ._sampled_std import sampled_std as sampled_std
from ._sampling_error import sampling_error as sampling_error
from ._sampling_error import sampling_error_slopes as sampling_error_slopes
from ._schedule_density import continuum_schedule as continuum_schedule
from ._schedule_density import schedule_density as schedule_density
from ._schedule_table import SCHEDULES as SCHEDULES
from ._schedule_table import named_schedule as named_schedule
from ._schedule_table import named_schedules as named_schedules
from ._usual_schedules import best_karras_schedule as best_karras_schedule
from ._usual_schedules import cosine_schedule as cosine_schedule
from ._usual_schedules import information_schedule as information_schedule
from ._usual_schedules import karras_schedule as karras_schedule
from ._usual_schedules import linear_schedule as linear_schedule
from ._usual_schedules import trailing_schedule as trailing_schedule
