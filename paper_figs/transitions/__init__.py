"""Figures on transition times."""
