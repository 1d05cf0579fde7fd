"""Learned against theory: metrics, tracks, reports."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

from . import ideal as ideal  # noqa: E402  # gives every Dataset its `.ideal`
