"""idealscore: the closed-form theory of diffusion models next to trained networks, with error bars.

>>> import idealscore
>>> print(idealscore.NoiseLevel.from_ou_time(1.0))
sigma 2.528 | SNR 0.1565 | alpha_bar 0.1353 | OU time 1 | flow time 0.7165
"""

from . import compare as compare
from . import errors as errors
from . import learned as learned
from . import paper_figs as paper_figs
from . import simulate as simulate
from . import sweeping as sweeping
from . import theory as theory
from ._support.citations import cite as cite
from .learned import load_network as load_network
from .sweeping import sweep as sweep
from .theory import DiscreteSchedule as DiscreteSchedule
from .theory import NoiseLevel as NoiseLevel

__version__: str
