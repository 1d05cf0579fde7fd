"""Figures on networks trained on digits: regimes, linearity, scores."""
