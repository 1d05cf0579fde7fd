"""Closed-form theory. Imports nothing else of this package; each name is loaded when first used."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
