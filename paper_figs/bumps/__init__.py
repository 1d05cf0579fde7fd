"""Figures on two-dimensional bumps."""
