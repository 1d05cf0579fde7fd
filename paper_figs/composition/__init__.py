"""Figures on the composition of concepts."""
