"""Public log layouts -> canonical tables, one module per layout."""

from features.adapters.source import Tables

__all__ = ["Tables"]
