"""Trained denoisers: data, networks, training, checkpoints, wrappers for other networks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
