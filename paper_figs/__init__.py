"""The figures, in rooms by subject, and their panels `plot_...(result, ax=...)`; `results/` holds what they draw."""

import sys

import lazy_loader

from ._by_name import FigureNames

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
sys.meta_path.append(FigureNames())
