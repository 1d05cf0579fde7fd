"""Percolation in closed form and from the literature: lattices, thresholds, exponents, random graphs, critical data."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
