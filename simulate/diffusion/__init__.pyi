"""Forward noising and backward sampling with any denoiser, each sample on its own random streams."""

from ._forward_backward import forward_backward as forward_backward
from ._noised import noised as noised
from ._noised import starting_noise as starting_noise
from ._sample import sample as sample
from ._trajectory import METHODS as METHODS
from ._trajectory import trajectory as trajectory
