"""Products are solid: specks and bites of ground inside them are closed, their inside is opaque."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_BITE: Final = 0.013
_RIM: Final = 0.008


def make_solid(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Alpha (h, w) in 0..1 without narrow gaps, and 1 further inside the product than its edge.

    Gaps up to about 1.3 % of the longer side are closed (grey closing: Serra 1982, "Image analysis
    and mathematical morphology"); beyond 0.8 % of it inside, an opaque product has no edge left.
    """
    side = max(alpha.shape)
    closed = cv2.morphologyEx(
        alpha, cv2.MORPH_CLOSE, _disc(0.5 * _BITE * side), borderType=cv2.BORDER_REPLICATE
    )
    whole = np.maximum(alpha, closed)
    inside = (whole >= 0.5).astype(np.uint8)
    core = cv2.erode(inside, _disc(_RIM * side), borderType=cv2.BORDER_REPLICATE)
    return np.where(core > 0, np.float32(1.0), whole).astype(np.float32)


def _disc(radius_px: float) -> NDArray[np.uint8]:
    size = 2 * max(1, round(radius_px)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)
