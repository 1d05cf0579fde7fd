"""Transitions of the optimal denoiser in noise, and of training in time."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
