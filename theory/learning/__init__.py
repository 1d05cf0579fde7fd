"""Learning in closed form: linear denoisers mode by mode, finite data, the swing-by model, narrow networks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
