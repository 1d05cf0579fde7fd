"""Figures on sampling schedules."""
