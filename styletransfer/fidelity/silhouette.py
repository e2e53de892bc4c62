"""Whether the product's outline can still be read off the picture."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_BAND: Final = 0.025
_REACH: Final = 2.0
_LEAST_VARIANCE: Final = 4.0
_LEVELS: Final = np.float32(1 / 2.55)


class Silhouette:
    """The outline of one picture's product, to be found again in renders.

    In a band along the outline every pixel is given to the product or to the surroundings,
    whichever makes its colour likelier: each side's colours close by are taken for a Gaussian of
    equal spread in all directions of Lab. What comes out is compared with the mask. An
    outline against a ground of the product's own colour cannot be found, in a render or in the
    photo: compare a render's figure with its photo's. Measured at half the size.
    """

    def __init__(self, alpha: NDArray[np.float32]) -> None:
        """`alpha` (h, w) float32, 1 on the product."""
        height, width = alpha.shape
        self._size = (max(width // 2, 1), max(height // 2, 1))
        share = cv2.resize(alpha, self._size, interpolation=cv2.INTER_AREA)
        inside = share >= 0.5
        width_px = max(2, round(_BAND * max(self._size)))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width_px + 1,) * 2)
        solid = inside.astype(np.uint8)
        grown, shrunk = cv2.dilate(solid, kernel), cv2.erode(solid, kernel)
        # Pixels right on the outline are mixtures and belong to neither side.
        self._band = (grown > shrunk) & ((share < 0.2) | (share > 0.8))
        self._inside = inside[self._band]
        self._spread_px = _REACH * width_px
        thin = np.ones((3, 3), np.uint8)
        self._sides = [
            side.astype(np.float32)
            for side in (cv2.erode(solid, thin), 1 - cv2.dilate(solid, thin))
        ]
        self._weights = [np.maximum(self._mean(side), 1e-4) for side in self._sides]

    def iou(self, picture: NDArray[np.uint8]) -> float:
        """Intersection over union in the band, in 0..1, for a picture (h, w, 3) uint8 sRGB.

        1 when there is no outline at all.
        """
        if not self._band.any():
            return 1.0
        small = cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
        lab[..., 0] *= _LEVELS
        # One matrix for the four channels: sums along a last axis of three are slow.
        squares = cv2.transform(lab * lab, np.ones((1, 3), np.float32))
        seen = cv2.merge([*cv2.split(lab), squares])
        own = lab[self._band]
        unlikely = []
        for side, weight in zip(self._sides, self._weights, strict=True):
            local = (self._mean(seen * side[..., None]) / weight[..., None])[self._band]
            mean = local[:, :3]
            scatter = local[:, 3] - np.einsum("ij,ij->i", mean, mean)
            variance = np.maximum(scatter, 0.0) / 3 + _LEAST_VARIANCE
            apart = own - mean
            unlikely.append(np.einsum("ij,ij->i", apart, apart) / variance + 3 * np.log(variance))
        found = unlikely[0] <= unlikely[1]
        union = int((found | self._inside).sum())
        return int((found & self._inside).sum()) / union if union else 1.0

    def _mean(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        window = (2 * int(self._spread_px) + 1,) * 2
        blurred = cv2.blur(values, window, borderType=cv2.BORDER_REFLECT)
        return np.asarray(blurred, dtype=np.float32)
