"""Belief propagation on the tree of a grammar: every node's exact posterior, the optimal hierarchical denoiser."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
