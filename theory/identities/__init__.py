"""Identities that every optimal denoiser obeys, and the kit that tests them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
