"""What a representation holds: classifiers, linear probes, layer features, fitted bump centres."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
