"""Frozen encoders, and their weights from the packages that ship them."""
