"""Single measures of a trained denoiser: linearity, memorisation, reproducibility, distillation, learning of modes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
