"""Whether the product's seams, folds and prints are still where they were."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from styletransfer.fidelity.structure import bounds

# Canny's pair of thresholds for edges that must be found, and for what they may be found as.
_STRONG: Final = (40, 100)
_FAINT: Final = (20, 50)
_TOLERANCE: Final = np.ones((3, 3), np.uint8)
_MARGIN_PX: Final = 8


class Edges:
    """The edges inside one picture's product, to compare renders with.

    Edges are Canny's, on lightness; an edge is found again when there is one in the render at most
    one pixel off, be it half as strong.
    """

    def __init__(self, lightness: NDArray[np.float32], inside: NDArray[np.bool_]) -> None:
        """`lightness` (h, w) float32 in 0..100, `inside` (h, w) the product without its outline."""
        self._crop = bounds(inside, margin_px=_MARGIN_PX)
        self._where = inside[self._crop].astype(np.uint8)
        self._own, faint = self._edges(lightness)
        self._near_own = cv2.dilate(faint, _TOLERANCE)

    def f1(self, lightness: NDArray[np.float32]) -> float:
        """Harmonic mean, in 0..1, of the shares of edges kept and of edges not made up.

        1 when neither has any edge. `lightness` (h, w) is the render's.
        """
        theirs, faint = self._edges(lightness)
        near_theirs = cv2.dilate(faint, _TOLERANCE)
        kept = _share(self._own, near_theirs)
        real = _share(theirs, self._near_own)
        return 2 * kept * real / (kept + real) if kept + real else 0.0

    def _edges(self, lightness: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Strong and faint edges (h', w'), 1 on an edge, of one gradient."""
        levels = (lightness[self._crop] * np.float32(2.55) + np.float32(0.5)).astype(np.uint8)
        across = cv2.Sobel(levels, cv2.CV_16S, 1, 0, borderType=cv2.BORDER_REPLICATE)
        down = cv2.Sobel(levels, cv2.CV_16S, 0, 1, borderType=cv2.BORDER_REPLICATE)
        strong, faint = (
            np.asarray((cv2.Canny(across, down, *bounds) > 0) & self._where, dtype=np.uint8)
            for bounds in (_STRONG, _FAINT)
        )
        return strong, faint


def _share(edges: NDArray[np.uint8], found: NDArray[np.uint8]) -> float:
    """Share of `edges` that are `found`; all of them where there are none."""
    total = int(edges.sum())
    return int((edges & found).sum()) / total if total else 1.0
