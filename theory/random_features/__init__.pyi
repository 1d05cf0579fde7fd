"""When training starts to memorise: the spectrum of random features and the times that follow from it."""

from ._feature_constants import FeatureConstants as FeatureConstants
from ._feature_constants import feature_constants as feature_constants
from ._feature_eigenvalues import bulk_edges as bulk_edges
from ._feature_eigenvalues import eigenvalue_density as eigenvalue_density
from ._feature_eigenvalues import memorising_bulk as memorising_bulk
from ._feature_eigenvalues import population_bulk as population_bulk
from ._feature_resolvent import feature_resolvent as feature_resolvent
from ._reference import reference as reference
from ._training_times import TimeInterval as TimeInterval
from ._training_times import generalisation_time as generalisation_time
from ._training_times import memorisation_ratio as memorisation_ratio
from ._training_times import memorisation_time as memorisation_time
