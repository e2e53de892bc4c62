"""Draws the sample shop: products as small 3-D scenes, looks as pictures of a technique."""
