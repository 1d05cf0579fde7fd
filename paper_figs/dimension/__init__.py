"""Figures of the local dimension."""
