"""Data sets: images from files, folders, scikit-learn or the Hugging Face hub."""

from ._load import DATASETS as DATASETS
from ._load import load as load
from .images import ImageData as ImageData
