"""Samples of p(x0 | y) for a linear measurement y = A x0 + s n, from any denoiser of the prior."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
