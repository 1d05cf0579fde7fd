"""Results drawn into any axes, each function labelling what it draws, one colour per theory."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
