"""Data sets: images from files, folders, scikit-learn or the Hugging Face hub."""

from .images import ImageData as ImageData
from .images import load as load
