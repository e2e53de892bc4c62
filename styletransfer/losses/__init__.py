"""Losses between pictures and between features, for training and optimisation."""
