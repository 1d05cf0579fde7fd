"""Guidance in closed form: what it does to mean and spread of a class, and at which noise levels it acts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
