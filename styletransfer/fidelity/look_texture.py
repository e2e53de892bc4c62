"""Distance of textures: how strong lightness varies at each scale, and in which directions."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from styletransfer.colour import lightness

_LEVELS: Final = 4
_LEAST_SPREAD: Final = 0.5


class LookTexture:
    """A look's texture statistics, to measure how far pictures' are from them.

    Per level of a Laplacian pyramid of lightness: the logarithms of the band's spread and mean
    magnitude (their ratio tells grain from strokes), and the gradients' preferred direction as a
    vector of double angle whose length is how strongly it is preferred (structure tensor: Bigun
    and Granlund 1987, "Optimal orientation detection of linear symmetry"). The distance is
    Euclidean; a look's scale is its picture's own, so show it at about the size of the renders.
    """

    def __init__(self, look: NDArray[np.uint8]) -> None:
        """`look` (h, w, 3) uint8 sRGB, the picture that defines the look; 32 px at least."""
        self._statistics = _statistics(lightness(look), np.ones(look.shape[:2], np.float32))

    def distance(self, picture: NDArray[np.uint8], where: NDArray[np.bool_] | None = None) -> float:
        """Distance, >= 0, of a picture (h, w, 3) uint8 of 32 px at least; `where` (h, w) only."""
        weight = np.ones(picture.shape[:2], np.float32)
        if where is not None:
            weight = where.astype(np.float32)
        return float(np.linalg.norm(_statistics(lightness(picture), weight) - self._statistics))


def _statistics(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float64]:
    """Four numbers per level, from where `weight` is high."""
    rows = []
    for _ in range(_LEVELS):
        height, width = values.shape
        coarser = cv2.pyrDown(values)
        band = values - cv2.pyrUp(coarser, dstsize=(width, height))
        # A pixel counts where all that its band value was made of is within the region.
        trusted = cv2.erode(weight, np.ones((5, 5), np.uint8)) ** 4
        if trusted.sum() < 16:
            trusted = weight
        trusted = trusted / max(float(trusted.sum()), 1e-6)
        spread = np.sqrt(float((trusted * band * band).sum()))
        magnitude = float((trusted * np.abs(band)).sum())
        across = cv2.Sobel(values, cv2.CV_32F, 1, 0, scale=0.125)
        down = cv2.Sobel(values, cv2.CV_32F, 0, 1, scale=0.125)
        straight = float((trusted * (across * across - down * down)).sum())
        diagonal = float((trusted * 2.0 * across * down).sum())
        energy = float((trusted * (across * across + down * down)).sum()) + _LEAST_SPREAD**2
        rows += [
            np.log(spread + _LEAST_SPREAD),
            np.log(magnitude + _LEAST_SPREAD),
            straight / energy,
            diagonal / energy,
        ]
        values, weight = coarser, cv2.pyrDown(weight)
    return np.array(rows)
