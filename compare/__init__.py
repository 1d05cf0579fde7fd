"""Learned against theory: metrics, tracks, reports."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "distillation": ["AffineDenoiser", "distill_linear", "fit_affine"],
        "neighbours": ["exact_duplicates", "memorisation", "nearest_neighbours"],
        "pairing": ["paired_samples", "pairwise_reproducibility", "reproducibility"],
        "superposition": ["linearity"],
        "comparison": ["Comparison", "compare", "predicted_transitions"],
        "fitting": ["optima"],
        "panels": ["figure"],
        "reporting": ["report"],
        "table": [],
        "tracking": ["track"],
    },
)
