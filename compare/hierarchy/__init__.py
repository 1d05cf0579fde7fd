"""Networks on hierarchical data against exact belief propagation, level by level."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
