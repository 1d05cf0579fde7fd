"""Figures on hierarchical data."""
