"""Data sets: images from files, folders, scikit-learn or the Hugging Face hub."""

from ._load import DATASETS as DATASETS
from ._load import load as load
from .images import ImageData as ImageData
from .layout import Layout as Layout
from .options import DataOptions as DataOptions
from .ranges import Normalisation as Normalisation
from .ranges import Range as Range
from .understood import Understood as Understood
