"""Ranking metrics, paired comparison of models, and slices of users."""
