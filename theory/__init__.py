"""Closed-form theory. Imports nothing else of this package; each name is loaded when first used."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "noise": ["DiscreteSchedule", "NoiseLevel", "karras_sigmas"],
        "denoiser": [
            "Denoiser",
            "noise_prediction",
            "posterior_covariance",
            "score",
            "velocity",
            "with_condition",
        ],
        "covariance": [],
        "empirical": ["EmpiricalDenoiser"],
        "gaussian": ["GaussianDenoiser"],
        "mixture": ["MixtureDenoiser"],
        "local": ["LocalDenoiser"],
        "grammar": ["Grammar"],
        "belief_propagation": ["BeliefPropagation", "HierarchicalDenoiser"],
        "leaf_channels": ["CHANNELS", "LeafChannel"],
        "transition": ["Transition"],
        "transitions": ["collapse", "gaussian_information", "mode_emergence", "speciation"],
    },
)
