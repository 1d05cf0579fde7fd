"""Optima with restricted sight: patches of the image (local, equivariant or not) and masks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
