"""Canvases of two-dimensional bumps and stripes, their overlaps and held-out regions."""

from .canvas import BumpCanvas as BumpCanvas
from .canvas import bump_images as bump_images
from .canvas import random_share as random_share
from .canvas import stripe_labels as stripe_labels
from .overlaps import aliasing as aliasing
from .overlaps import bump_overlap as bump_overlap
from .overlaps import continuous_overlap as continuous_overlap
from .overlaps import pixel_overlap as pixel_overlap
from .regions import REGIONS as REGIONS
from .regions import SHAPES as SHAPES
from .regions import HeldOut as HeldOut
