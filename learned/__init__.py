"""Trained denoisers: data, networks, training, checkpoints, wrappers for other networks."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "bump_networks": ["BumpRecipe"],
        "bump_probe": ["CentreFit", "fit_centres"],
        "checkpoint": [],
        "classification": ["Classifier", "train_classifier"],
        "config": ["TrainConfig"],
        "data": ["ImageData"],
        "ensemble": ["EnsembleTraining", "train_ensemble", "train_groups"],
        "layer_features": ["LayerFeatures", "load_weights"],
        "masked_training": ["train_masked"],
        "networks": ["HierarchyNet", "LinearDenoiser", "LocalNet", "MLPDenoiser", "NetworkDenoiser", "UNetDenoiser"],
        "objective": ["Levels", "LogNormal", "LogUniform", "Steps"],
        "preconditioning": ["Preconditioning"],
        "presets": ["preset"],
        "probes": ["LinearProbe"],
        "stacked": ["EnsembleDenoiser"],
        "training": ["Snapshots", "Training", "train"],
        "wrap": [],
    },
)
