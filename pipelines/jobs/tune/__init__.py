"""Tuning of a shop's settings: what is searched, how a point is measured, who searches."""
