"""The table of a comparison, by its own path: `from idealscore.compare.table import table`."""

from .comparison import table as table

__all__ = ["table"]
