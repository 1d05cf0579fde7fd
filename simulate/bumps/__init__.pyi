"""Canvases of two-dimensional bumps and stripes, their overlaps and held-out regions."""

from ._bump_images import bump_images as bump_images
from .canvas import BumpCanvas as BumpCanvas
from .held_out import REGIONS as REGIONS
from .held_out import SHAPES as SHAPES
from .held_out import HeldOut as HeldOut
from .labels import stripe_labels as stripe_labels
from .overlaps import aliasing as aliasing
from .overlaps import bump_overlap as bump_overlap
from .overlaps import continuous_overlap as continuous_overlap
from .overlaps import pixel_overlap as pixel_overlap
