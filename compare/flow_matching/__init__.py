"""Flow matching on data: the share of the target that can be learned, from a network or from pairs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
