"""Learned against theory: metrics, tracks, reports."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "distillation": ["AffineDenoiser", "distill_linear", "fit_affine"],
        "neighbours": ["exact_duplicates", "memorisation", "nearest_neighbours"],
        "network_identities": [],
        "mode_learning": ["learning_curves", "mode_gains"],
        "pairing": ["paired_samples", "pairwise_reproducibility", "reproducibility"],
        "superposition": ["linearity"],
        "comparison": ["Comparison", "compare", "predicted_transitions"],
        "fitting": ["optima"],
        "hierarchy_tracking": ["hierarchy_progress", "hierarchy_track"],
        "panels": ["figure"],
        "reporting": ["report"],
        "table": [],
        "tracking": ["track"],
    },
)
