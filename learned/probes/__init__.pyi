"""What a representation holds: classifiers, linear probes, layer features, fitted bump centres."""

from ._train_classifier import train_classifier as train_classifier
from .bump_centres import CentreFit as CentreFit
from .bump_centres import fit_centres as fit_centres
from .classifier import Classifier as Classifier
from .foreign_weights import load_weights as load_weights
from .layer_features import LayerFeatures as LayerFeatures
from .linear_probe import LinearProbe as LinearProbe
