"""idealscore: the closed-form theory of diffusion models beside trained networks, with error bars.

>>> import idealscore
>>> print(idealscore.NoiseLevel.from_ou_time(1.0))
sigma 2.528 | SNR 0.1565 | alpha_bar 0.1353 | OU time 1 | flow time 0.7165
"""

from ._lazy import attach

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "theory.noise": ["DiscreteSchedule", "NoiseLevel"],
        "_citations": ["cite"],
        "sweeping.sweeps": ["sweep"],
        "errors": [],
        "theory": [],
        "simulate": [],
        "learned": [],
        "compare": [],
        "paper_figs": [],
        "sweeping": [],
    },
)
__all__ = [*(name for name in __all__ if "." not in name and not name.startswith("_")), "__version__"]
