"""Whether the product's seams, folds and prints are still where they were."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_LOW: Final = 40
_HIGH: Final = 100
_TOLERANCE: Final = np.ones((3, 3), np.uint8)


class Edges:
    """The edges inside one picture's product, to compare renders with.

    Edges are Canny's, on lightness, away from the product's outline; an edge is found again when
    there is one in the render at most one pixel off.
    """

    def __init__(self, lightness: NDArray[np.float32], inside: NDArray[np.bool_]) -> None:
        """`lightness` (h, w) float32 in 0..100, `inside` (h, w)."""
        self._where = cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8))
        self._own = self._edges(lightness)
        self._near_own = cv2.dilate(self._own, _TOLERANCE)

    def f1(self, lightness: NDArray[np.float32]) -> float:
        """Harmonic mean, in 0..1, of the shares of edges kept and of edges not made up.

        1 when neither has any edge. `lightness` (h, w) is the render's.
        """
        theirs = self._edges(lightness)
        n_own, n_theirs = int(self._own.sum()), int(theirs.sum())
        if n_own == 0 or n_theirs == 0:
            return float(n_own == n_theirs)
        kept = int((self._own & cv2.dilate(theirs, _TOLERANCE)).sum()) / n_own
        real = int((theirs & self._near_own).sum()) / n_theirs
        return 2 * kept * real / (kept + real) if kept + real else 0.0

    def _edges(self, lightness: NDArray[np.float32]) -> NDArray[np.uint8]:
        levels = (lightness * np.float32(2.55) + np.float32(0.5)).astype(np.uint8)
        edges = (cv2.Canny(levels, _LOW, _HIGH) > 0).astype(np.uint8)
        return np.asarray(edges & self._where, dtype=np.uint8)
