"""Forward noising and backward sampling with any denoiser, each sample on its own random streams."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
