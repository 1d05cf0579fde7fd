"""Strings of a random hierarchy: sampling, noise and denoising, step-by-step reverse processes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
