"""The regime map: memorising, Gaussian or something else over training-set size, width and step."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
