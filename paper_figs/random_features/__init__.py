"""Figures on random features."""
