"""SSIM of lightness, looking at the product's own pixels only."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_WINDOW: Final = (11, 11)
_SIGMA_PX: Final = 1.5
_C1: Final = np.float32((0.01 * 100.0) ** 2)
_C2: Final = np.float32((0.03 * 100.0) ** 2)


class Structure:
    """The structure of one picture's product, to compare renders with.

    Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity",
    with its Gaussian window of 11 px cut off at the mask: what surrounds the product in the window
    has no weight, so a repainted background does not count as a change of the product.
    """

    def __init__(self, lightness: NDArray[np.float32], inside: NDArray[np.bool_]) -> None:
        """`lightness` (h, w) float32 in 0..100, `inside` (h, w) with at least one pixel."""
        self._crop = bounds(inside, margin_px=_WINDOW[0] // 2)
        self._inside = inside[self._crop]
        self._weight = self._inside.astype(np.float32)
        self._total = np.maximum(_blur(self._weight), 1e-6)
        self._values = lightness[self._crop] * self._weight
        self._mean = self._local(self._values)
        self._variance = self._local(self._values**2) - self._mean**2

    def similarity(self, lightness: NDArray[np.float32]) -> float:
        """Mean SSIM over the product's pixels, at most 1, of a render's (h, w) lightness."""
        values = lightness[self._crop] * self._weight
        mean = self._local(values)
        variance = self._local(values * values) - mean * mean
        covariance = self._local(values * self._values) - mean * self._mean
        light = (2 * mean * self._mean + _C1) / (mean**2 + self._mean**2 + _C1)
        contrast = (2 * covariance + _C2) / (variance + self._variance + _C2)
        return float((light * contrast)[self._inside].mean())

    def _local(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(_blur(values) / self._total, dtype=np.float32)


def _blur(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(
        cv2.GaussianBlur(values, _WINDOW, _SIGMA_PX, borderType=cv2.BORDER_REFLECT), np.float32
    )


def bounds(inside: NDArray[np.bool_], margin_px: int) -> tuple[slice, slice]:
    """The mask's bounding box, widened by a margin that stays in the picture.

    The whole picture for an empty mask.
    """
    if not inside.any():
        return slice(None), slice(None)
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    return tuple(  # type: ignore[return-value]
        slice(max(int(line[0]) - margin_px, 0), int(line[-1]) + margin_px + 1)
        for line in (rows, columns)
    )
