"""The main job: a network against the optima of its training set, as numbers, table, figure and page."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
