"""Grain for what a generator paints: where a photo is flat, a network has nothing to paint with.

A convolution turns a constant into a constant, so a plain ground stays flat in any look. Faint
noise gives the network places to put strokes, as the noise that Ulyanov et al. 2016, "Texture
networks", make textures of.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

GRAIN: Final = 0.03
"""Standard deviation of the grain, of a range of 0..1."""

_PERIOD_PX: Final = 512


def grain(height_px: int, width_px: int, top_px: int = 0, left_px: int = 0) -> NDArray[np.float32]:
    """Grain float32 (3, h, w) about 0, always the same, from row `top_px` and column `left_px`.

    It repeats itself every 512 px.
    """
    rows = (top_px + np.arange(height_px)) % _PERIOD_PX
    columns = (left_px + np.arange(width_px)) % _PERIOD_PX
    return np.asarray(_field()[:, rows[:, None], columns])


@cache
def _field() -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    levels = rng.standard_normal((3, _PERIOD_PX, _PERIOD_PX), dtype=np.float32)
    return np.asarray(np.float32(GRAIN) * levels)
