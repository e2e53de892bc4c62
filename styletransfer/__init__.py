"""Paints: (pictures, masks, style codes) -> pictures and fidelity reports; knows no user."""
