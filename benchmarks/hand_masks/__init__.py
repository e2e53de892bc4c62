"""Masks of 60 clothing photos drawn by hand, as run-length text, and the script that made them."""
