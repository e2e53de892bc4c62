"""Soft alpha of an edge whose ground is known.

A pixel of the edge mixes the product's nearest pure colour with the ground's own colour there:
alpha is its place between the two (Porter and Duff, SIGGRAPH 1984, solved for alpha as in Smith and
Blinn, "Blue screen matting", SIGGRAPH 1996).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

# How far pure colours are looked for, in pixels.
_NEAR_PX: Final = 2.5
# Contrast of colours in 0..1 below which they do not tell the two sides apart.
_FAINT: Final = 0.06
# How far the mixture of two like colours may lie from what the probability says.
_LEEWAY: Final = 0.4
# Places between the colours that are all ground, and all product: noise and JPEG's rings.
_ALL_GROUND: Final = 0.08
_ALL_PRODUCT: Final = 0.92
# Probabilities beyond which a pixel is one or the other.
_SURE: Final = 0.04


_MARGIN_PX: Final = 12


def matte(picture: NDArray[np.uint8], probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Alpha (h, w) float32 in 0..1 of the product, exactly 0 on the ground but for its edge.

    `picture` (h, w, 3) uint8; `probability` (h, w) float32 of product, right but for a few pixels
    at the edge.
    """
    alpha = np.zeros(probability.shape, dtype=np.float32)
    rows, columns = (np.flatnonzero((probability >= _SURE).any(axis=axis)) for axis in (1, 0))
    if len(rows):
        box = tuple(
            slice(max(found[0] - _MARGIN_PX, 0), found[-1] + 1 + _MARGIN_PX)
            for found in (rows, columns)
        )
        alpha[box] = _matte(picture[box], probability[box])
    return alpha


def _matte(picture: NDArray[np.uint8], probability: NDArray[np.float32]) -> NDArray[np.float32]:
    colours = picture.astype(np.float32) / np.float32(255)
    behind = _nearby(colours, np.maximum(1 - probability / (4 * _SURE), 0) + 1e-6)
    front = _nearby(
        colours, np.maximum(1 - (1 - probability) / (4 * _SURE), 0) + 1e-6 * probability
    )
    axis = front - behind
    length = np.einsum("ijk,ijk->ij", axis, axis)
    place = np.einsum("ijk,ijk->ij", colours - behind, axis) / np.maximum(length, 1e-6)
    mixed = np.clip((place - _ALL_GROUND) / (_ALL_PRODUCT - _ALL_GROUND), 0, 1)
    trust = np.clip(length / _FAINT**2 - 1, 0, 1)
    # Where the sides have one colour the probability tells, as steep as a photo's edge.
    faint = np.clip((probability - 0.5) * 2.5 + 0.5, 0, 1)
    # Only along an edge: a doubtful patch inside the product is no mixture of two sides.
    edge = probability > 0.5
    wide = np.ones((2 * round(2 * _NEAR_PX) + 1,) * 2, np.uint8)
    trust[cv2.morphologyEx(edge.astype(np.uint8), cv2.MORPH_GRADIENT, wide) == 0] = 0.0
    # A product of two colours has no one colour nearby: the mixture may not overrule the odds.
    clear = np.clip((np.sqrt(length) - 2 * _FAINT) / (4 * _FAINT), 0, 1)
    leeway = _LEEWAY + (1 - _LEEWAY) * clear
    mixed = np.clip(mixed, faint - leeway, faint + leeway)
    alpha = trust * mixed + (1 - trust) * faint
    window = np.ones((3, 3), np.uint8)
    alpha[cv2.erode((probability > 1 - _SURE).astype(np.uint8), window, borderValue=1) > 0] = 1.0
    alpha[cv2.erode((probability < _SURE).astype(np.uint8), window, borderValue=1) > 0] = 0.0
    soft: NDArray[np.float32] = alpha.astype(np.float32)
    return soft


def _nearby(colours: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weighted mean colour (h, w, 3) of the surroundings, by normalised convolution."""
    weight = weight.astype(np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), _NEAR_PX)
    mean: NDArray[np.float32] = cv2.GaussianBlur(colours * weight[..., None], (0, 0), _NEAR_PX) / (
        total[..., None] + np.float32(1e-12)
    )
    return mean
