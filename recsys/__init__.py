"""Chooses: (events, items, style codes) -> users, rankings, looks; draws nothing."""
