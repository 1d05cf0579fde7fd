"""Trained denoisers: data, networks, training, checkpoints, wrappers for other networks."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "data": ["ImageData"],
        "networks": ["LinearDenoiser", "MLPDenoiser", "NetworkDenoiser", "UNetDenoiser"],
        "objective": ["Levels", "LogNormal", "LogUniform", "Steps"],
        "preconditioning": ["Preconditioning"],
        "presets": ["preset"],
        "checkpoint": [],
        "training": ["TrainConfig", "Training", "train"],
    },
)
