"""Style arrival between anchors: how much of the way from photo to look a render has gone."""

from __future__ import annotations


def arrival(original_distance: float, render_distance: float) -> float:
    """(d(original, look) - d(render, look)) / d(original, look).

    0 for an untouched copy, 1 for the look itself, negative for a render further off than the
    photo. A photo that is at the look already has arrived: 1.0 if the render still is, else 0.0.
    """
    if original_distance <= 0.0:
        return float(render_distance <= 0.0)
    return (original_distance - render_distance) / original_distance
