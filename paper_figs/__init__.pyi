"""The figures, in rooms by subject; `results/` holds the small saved results that they draw."""

from . import bumps as bumps
from . import captions as captions
from . import catalogue as catalogue
from . import composition as composition
from . import guidance as guidance
from . import hierarchy as hierarchy
from . import networks as networks
from . import percolation as percolation
from . import random_features as random_features
from . import reproducibility as reproducibility
from . import transitions as transitions
