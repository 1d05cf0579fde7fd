"""Mean-field theory of the random hierarchy: recursions, thresholds, density evolution."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
