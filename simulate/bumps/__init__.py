"""Canvases of two-dimensional bumps and stripes, their overlaps and held-out regions."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
