"""Guided filter: soft mask edges that follow the picture's own edges.

He, Sun and Tang, "Guided Image Filtering" (ECCV 2010), with the colour guide of their section 3.4;
coefficients are found on a small picture and applied to the large one as in He and Sun, "Fast
Guided Filter" (2015).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_COEFFICIENT_SIZE_PX: Final = 512

# Upper triangle of a symmetric 3 x 3 matrix.
_PAIRS: Final = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def guided_filter(
    guide: NDArray[np.uint8], mask: NDArray[np.float32], radius_px: int, epsilon: float
) -> NDArray[np.float32]:
    """Smooth `mask` so that, in every window, it is linear in the colours of `guide`.

    `guide` (h, w, 3) uint8, `mask` (h, w) float32 in 0..1 or smaller than the guide, in which case
    the result has the guide's size. `radius_px` counts pixels of the mask; `epsilon` is a variance
    of colours in 0..1: edges fainter than its square root are smoothed over. Returns (h, w)
    float32, clipped to 0..1.
    """
    height, width = guide.shape[:2]
    scale = min(1.0, _COEFFICIENT_SIZE_PX / max(height, width))
    small_size = (max(round(width * scale), 1), max(round(height * scale), 1))
    radius = max(round(radius_px * small_size[0] / mask.shape[1]), 1)
    colours = guide.astype(np.float32) / np.float32(255.0)
    slope, offset = _coefficients(
        _scaled(colours, small_size), _scaled(mask, small_size), radius, epsilon
    )
    size = (width, height)
    filtered = (_scaled(slope, size) * colours).sum(axis=2) + _scaled(offset, size)
    soft: NDArray[np.float32] = np.clip(filtered, 0.0, 1.0)
    return soft


def _scaled(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    shrinks = size[0] < values.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: NDArray[np.float32] = cv2.resize(values, size, interpolation=interpolation)
    return resized


def _coefficients(
    colours: NDArray[np.float32], mask: NDArray[np.float32], radius: int, epsilon: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope (h, w, 3) and offset (h, w) of the window-averaged linear models."""
    mean_colour = _box(colours, radius)
    mean_mask = _box(mask, radius)
    products = _box(np.stack([colours[..., i] * colours[..., j] for i, j in _PAIRS], -1), radius)
    rr, rg, rb, gg, gb, bb = (
        products[..., n] - mean_colour[..., i] * mean_colour[..., j]
        for n, (i, j) in enumerate(_PAIRS)
    )
    rr, gg, bb = rr + epsilon, gg + epsilon, bb + epsilon
    covariance = _box(colours * mask[..., None], radius) - mean_colour * mean_mask[..., None]
    # Closed-form inverse by cofactors: np.linalg.inv on every pixel is twenty times slower.
    c_rr, c_rg, c_rb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    determinant = rr * c_rr + rg * c_rg + rb * c_rb
    red, green, blue = covariance[..., 0], covariance[..., 1], covariance[..., 2]
    slope = np.stack(
        [
            c_rr * red + c_rg * green + c_rb * blue,
            c_rg * red + c_gg * green + c_gb * blue,
            c_rb * red + c_gb * green + c_bb * blue,
        ],
        axis=-1,
    )
    slope /= determinant[..., None]
    offset = mean_mask - (slope * mean_colour).sum(axis=2)
    return _box(slope, radius), _box(offset, radius)


def _box(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    size = (2 * radius + 1, 2 * radius + 1)
    if values.ndim == 3 and values.shape[2] > 4:
        return np.dstack([_box(values[..., :3], radius), _box(values[..., 3:], radius)])
    blurred: NDArray[np.float32] = cv2.blur(values, size, borderType=cv2.BORDER_REFLECT)
    return blurred
