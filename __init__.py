"""idealscore: the closed-form theory of diffusion models next to trained networks, with error bars.

>>> import idealscore
>>> print(idealscore.NoiseLevel.from_ou_time(1.0))
sigma 2.528 | SNR 0.1565 | alpha_bar 0.1353 | OU time 1 | flow time 0.7165
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]


def __dir__() -> list[str]:
    return sorted(__all__)
