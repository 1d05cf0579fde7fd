"""Figures on reproducibility."""
