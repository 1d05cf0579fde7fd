"""Homology of a point cloud, by its own path: `from idealscore.compare.homology import persistence`."""

from .representation import persistence as persistence

__all__ = ["persistence"]
