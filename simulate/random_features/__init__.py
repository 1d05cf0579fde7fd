"""Random features that learn to denoise, by gradient flow without a step: when do they memorise?"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
