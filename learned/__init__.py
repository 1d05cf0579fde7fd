"""Trained denoisers: data, networks, training, checkpoints, wrappers for other networks."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "checkpoint": [],
        "config": ["TrainConfig"],
        "data": ["ImageData"],
        "ensemble": ["EnsembleTraining", "train_ensemble", "train_groups"],
        "masked_training": ["train_masked"],
        "networks": ["HierarchyNet", "LinearDenoiser", "LocalNet", "MLPDenoiser", "NetworkDenoiser", "UNetDenoiser"],
        "objective": ["Levels", "LogNormal", "LogUniform", "Steps"],
        "preconditioning": ["Preconditioning"],
        "presets": ["preset"],
        "stacked": ["EnsembleDenoiser"],
        "training": ["Snapshots", "Training", "train"],
        "wrap": [],
    },
)
