"""Do the noise levels that theory finds best for Gaussian data help a trained network?"""

from ._same_noise_distance import same_noise_distance as same_noise_distance
from ._schedule_errors import schedule_errors as schedule_errors
from ._schedule_gain import schedule_gain as schedule_gain
