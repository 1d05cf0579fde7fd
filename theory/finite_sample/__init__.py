"""What n samples teach a linear denoiser, from the spectrum alone: errors, disagreement, reproducibility."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
