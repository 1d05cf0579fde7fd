"""Samples worlds: forward and backward diffusion, percolation, grammars, bumps, concept images."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "concepts": ["ConceptImages", "ConceptWorld"],
        "concept_splits": ["Split", "concept_split"],
        "bump_overlaps": ["bump_overlap"],
        "bump_regions": ["HeldOut"],
        "bumps": ["BumpCanvas", "bump_images"],
        "concept_matrix": ["concept_percolation"],
        "diffusion": ["forward_backward", "noised", "sample", "starting_noise", "trajectory"],
        "hierarchy": ["level_profile", "valid_fraction"],
        "hierarchy_reverse": ["ReverseSampler", "exact_predictor"],
        "inverse_problems": ["GuidedDenoiser", "blurring", "inpainting", "measure"],
        "percolation": ["sweep"],
        "percolation_study": [],
        "canonical": [],
        "continuum": [],
        "scaling": [],
    },
)
