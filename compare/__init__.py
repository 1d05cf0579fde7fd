"""Learned against theory: metrics, tracks, reports."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "agreement": ["compare_models", "one_model"],
        "controlled_noise": ["controlled_reproducibility"],
        "distillation": ["AffineDenoiser", "distill_linear", "fit_affine"],
        "neighbours": ["exact_duplicates", "memorisation", "nearest_neighbours"],
        "network_identities": [],
        "mode_learning": ["learning_curves", "mode_gains"],
        "pairing": ["paired_samples", "pairwise_reproducibility", "reproducibility"],
        "superposition": ["linearity"],
        "accuracy_tables": ["concept_curves", "curves_from_table", "read_curves"],
        "concept_presets": ["concept_plan"],
        "concept_training": ["ConceptPlan", "EvenConfig", "concept_study", "frequency_study"],
        "curve_fits": ["fit_curve"],
        "emergence": ["by_distance", "composition", "crossing_time"],
        "emergence_table": [],
        "rare_concepts": ["critical_samples"],
        "regime_panels": ["regime_figure"],
        "regime_table": [],
        "regimes": ["RegimePlan", "regime_map", "regime_networks"],
        "trained_range": ["noise_range"],
        "clone_experiments": ["clone_experiment", "clones"],
        "comparison": ["Comparison", "compare", "predicted_transitions"],
        "fitting": ["optima"],
        "hierarchy_tracking": ["hierarchy_progress", "hierarchy_track"],
        "layer_survival": ["feature_survival"],
        "panels": ["figure"],
        "representation": ["factorisation", "factorisation_of_values", "representation_layers"],
        "reporting": ["report"],
        "table": [],
        "tracking": ["track"],
        "transition_times": ["image_agreement", "measured_transitions", "predicted_transition_times"],
    },
)
