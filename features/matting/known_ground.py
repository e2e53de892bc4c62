"""Soft alpha of an edge whose ground is known.

A pixel of the edge mixes the product's nearest pure colour with the ground's own colour there:
alpha is its place between the two (Smith and Blinn, "Blue screen matting", SIGGRAPH 1996).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_REACH_PX: Final = 3
# Contrast in 0..1 below which colours do not tell the two sides apart.
_FAINT: Final = 0.03


def matte(picture: NDArray[np.uint8], ground: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Alpha (h, w) float32 of the product, exactly 0 on the ground but for its edge.

    `picture` (h, w, 3) uint8; `ground` (h, w) bool, right but for a few pixels at the edge.
    """
    colours = picture.astype(np.float32) / np.float32(255)
    solid = (~ground).astype(np.uint8)
    window = np.ones((2 * _REACH_PX + 1,) * 2, np.uint8)
    inner = cv2.erode(solid, window, borderValue=1) > 0
    outer = cv2.dilate(solid, np.ones((3, 3), np.uint8)) == 0
    behind = _spread(colours, cv2.erode(1 - solid, np.ones((3, 3), np.uint8), borderValue=1), 2.5)
    apart = ((colours - behind) ** 2).sum(axis=2)
    front = _spread(colours, solid * (apart**2 + 1e-9), 2.5)
    axis = front - behind
    length = (axis**2).sum(axis=2)
    place = ((colours - behind) * axis).sum(axis=2) / np.maximum(length, 1e-6)
    # The edge as the pixels were classed, where the sides have one colour.
    classed = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 0.8)
    trust = np.clip(length / _FAINT**2 - 1, 0, 1)
    alpha = trust * np.clip((place - 0.06) / 0.86, 0, 1) + (1 - trust) * classed
    alpha[inner] = 1.0
    alpha[outer] = 0.0
    return alpha.astype(np.float32)


def _spread(
    colours: NDArray[np.float32], weight: NDArray[np.float32], reach_px: float
) -> NDArray[np.float32]:
    """Weighted mean colour (h, w, 3) of the surroundings, by normalised convolution."""
    weight = weight.astype(np.float32)
    size = (0, 0)
    total = cv2.GaussianBlur(weight, size, reach_px) + np.float32(1e-12)
    wide_total = cv2.GaussianBlur(weight, size, 4 * reach_px) + np.float32(1e-12)
    near = cv2.GaussianBlur(colours * weight[..., None], size, reach_px) / total[..., None]
    return near
