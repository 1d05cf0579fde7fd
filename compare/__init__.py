"""Learned against theory: metrics, tracks, reports."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "comparison": ["Comparison", "compare", "predicted_transitions"],
        "fitting": ["optima"],
        "panels": ["figure"],
        "reporting": ["report"],
        "table": [],
        "tracking": ["track"],
    },
)
