"""Figures on percolation."""
