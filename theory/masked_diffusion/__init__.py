"""Masked diffusion: what a revealed symbol costs, the loss curve and its area, how many symbols to reveal at once."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
