"""The local dimension of data as a denoiser sees it: by probes, and by the gaps of the spectrum of its Jacobian."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
