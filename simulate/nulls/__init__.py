"""Null data: a data set of which only the spectrum, the images' power spectra or the pixels' histograms are kept."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
