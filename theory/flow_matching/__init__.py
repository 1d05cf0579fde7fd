"""Flow matching: how much of the regression target is noise that no network can predict."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
