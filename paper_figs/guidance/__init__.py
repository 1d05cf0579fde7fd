"""Figures on guidance."""
