"""The local dimension of data in closed form: circle, Gaussian, subspace, and what noised points give."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
