"""One module per figure; `results/` holds the small saved results that they draw."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {})
