"""Pictures of shape, colour and size on a concept graph, and the splits of their classes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
