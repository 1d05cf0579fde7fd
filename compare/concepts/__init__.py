"""Networks on concept classes: training studies, accuracy curves, emergence and rare concepts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
