"""Training: one network or an ensemble in one pass, with objectives, presets and resumable run folders."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
