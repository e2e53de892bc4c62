"""Exports of the current feed for key-value stores: an answer per shopper, ready to be sent."""
