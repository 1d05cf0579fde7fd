"""Samples worlds: forward and backward diffusion, percolation, grammars, bumps, concept images."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
