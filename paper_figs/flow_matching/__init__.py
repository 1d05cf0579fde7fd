"""Figures of flow matching."""
