"""Guided filter: smooths a mask without crossing the edges of its picture.

He, Sun and Tang, "Guided Image Filtering" (ECCV 2010), with the colour guide of their section 3.4;
`guided_filter` finds coefficients on a small picture and applies them to the large one as in He
and Sun, "Fast Guided Filter" (2015).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_COEFFICIENT_SIZE_PX: Final = 384

# Upper triangle of a symmetric 3 x 3 matrix.
_PAIRS: Final = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


class GuidedFilter:
    """The filter for one guide: what depends on the guide alone is computed once.

    `guide` (h, w, 3) float32 in 0..1; windows are squares of 2 `radius_px` + 1; `epsilon` is a
    variance of colours in 0..1: edges fainter than its square root are smoothed over.
    """

    def __init__(self, guide: NDArray[np.float32], radius_px: int, epsilon: float) -> None:
        self.guide = guide
        self._size = (2 * radius_px + 1, 2 * radius_px + 1)
        self._mean = self._box(guide)
        products = [
            self._box(guide[..., i] * guide[..., j])
            - self._mean[..., i] * self._mean[..., j]
            + np.float32(epsilon if i == j else 0.0)
            for i, j in _PAIRS
        ]
        self._inverse = _inverse(products)

    def coefficients(
        self, mask: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Slope (h, w, 3) and offset (h, w) of the linear models, averaged over the windows."""
        mean = self._box(mask)
        covariance = self._box(self.guide * mask[..., None]) - self._mean * mean[..., None]
        red, green, blue = covariance[..., 0], covariance[..., 1], covariance[..., 2]
        slope = np.dstack([a * red + b * green + c * blue for a, b, c in self._inverse])
        offset = mean - (slope * self._mean).sum(axis=2)
        return self._box(slope), self._box(offset)

    def __call__(self, mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter `mask` (h, w) float32 in 0..1; returns (h, w) float32 in 0..1."""
        return _apply(*self.coefficients(mask), self.guide)

    def _box(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        blurred: NDArray[np.float32] = cv2.blur(values, self._size, borderType=cv2.BORDER_REFLECT)
        return blurred


def guided_filter(
    guide: NDArray[np.uint8], mask: NDArray[np.float32], radius_px: int, epsilon: float
) -> NDArray[np.float32]:
    """Bring `mask` to the guide's size, its edges moved to the guide's.

    `guide` (h, w, 3) uint8; `mask` (h, w) float32 in 0..1, of the guide's proportions but usually
    smaller; `radius_px` counts pixels of the mask; `epsilon` as in GuidedFilter. Returns (h, w)
    float32 in 0..1 of the guide's size.
    """
    height, width = guide.shape[:2]
    scale = min(1.0, _COEFFICIENT_SIZE_PX / max(height, width))
    small = (max(round(width * scale), 1), max(round(height * scale), 1))
    radius = max(round(radius_px * small[0] / mask.shape[1]), 1)
    colours = guide.astype(np.float32) / np.float32(255.0)
    smooth = GuidedFilter(_scaled(colours, small), radius, epsilon)
    slope, offset = smooth.coefficients(_scaled(mask, small))
    return _apply(_scaled(slope, (width, height)), _scaled(offset, (width, height)), colours)


def _apply(
    slope: NDArray[np.float32], offset: NDArray[np.float32], colours: NDArray[np.float32]
) -> NDArray[np.float32]:
    soft: NDArray[np.float32] = np.clip((slope * colours).sum(axis=2) + offset, 0.0, 1.0)
    return soft


def _scaled(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    if values.shape[1::-1] == size:
        return values
    shrinks = size[0] < values.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: NDArray[np.float32] = cv2.resize(values, size, interpolation=interpolation)
    return resized


def _inverse(upper: list[NDArray[np.float32]]) -> list[tuple[NDArray[np.float32], ...]]:
    """Rows of the inverse by cofactors: np.linalg.inv on every pixel is twenty times slower."""
    rr, rg, rb, gg, gb, bb = upper
    c_rr, c_rg, c_rb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    scale: NDArray[np.float32] = np.float32(1.0) / (rr * c_rr + rg * c_rg + rb * c_rb)
    rows = ((c_rr, c_rg, c_rb), (c_rg, c_gg, c_gb), (c_rb, c_gb, c_bb))
    return [tuple(scale * cofactor for cofactor in row) for row in rows]
