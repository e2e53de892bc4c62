"""Campaigns: looks for categories of products in channels, planned, made and packed to send."""
