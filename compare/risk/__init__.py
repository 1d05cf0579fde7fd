"""Before training: how many copies to expect of a data set, and how long training has to be for them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
