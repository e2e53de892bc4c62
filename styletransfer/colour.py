"""sRGB and CIE Lab, and how different two colours look to the eye."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_POW_25_7: Final = np.float32(25.0**7)
# D65 white, two-degree observer: rows X, Y, Z, each 1 for white.
_TO_XYZ: Final = (
    np.array(
        [
            [0.412453, 0.357580, 0.180423],
            [0.212671, 0.715160, 0.072169],
            [0.019334, 0.119193, 0.950227],
        ]
    )
    / np.array([[0.95047], [1.0], [1.08883]])
).astype(np.float32)
_FROM_CUBE_ROOTS: Final = np.array(
    [[0, 116, 0, -16], [500, -500, 0, 0], [0, 200, -200, 0]], dtype=np.float32
)
_KNEE: Final = np.float32(216 / 24389)
_SLOPE: Final = np.float32(24389 / 27 / 116)
_CODED: Final = np.arange(256) / 255.0
_LINEAR: Final = np.where(
    _CODED <= 0.04045, _CODED / 12.92, ((_CODED + 0.055) / 1.055) ** 2.4
).astype(np.float32)


def to_lab(picture: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """CIE Lab (..., 3) float32, L in 0..100, of sRGB (..., 3), uint8 or float32 in 0..1."""
    if not picture.size:
        return np.zeros(picture.shape, dtype=np.float32)
    if picture.dtype != np.uint8:
        flat = np.ascontiguousarray(picture, dtype=np.float32).reshape(-1, 1, 3)
        return np.asarray(cv2.cvtColor(flat, cv2.COLOR_RGB2LAB), np.float32).reshape(picture.shape)
    linear = _LINEAR[picture].reshape(-1, 1, 3)
    roots = _compressed(cv2.transform(linear, _TO_XYZ))
    return np.asarray(cv2.transform(roots, _FROM_CUBE_ROOTS), np.float32).reshape(picture.shape)


def to_srgb(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB (..., 3) float32 in 0..1, clipped to the gamut, of CIE Lab (..., 3)."""
    if not lab.size:
        return np.zeros(lab.shape, dtype=np.float32)
    flat = np.ascontiguousarray(lab, dtype=np.float32).reshape(-1, 1, 3)
    colours = cv2.cvtColor(flat, cv2.COLOR_LAB2RGB).reshape(lab.shape)
    return np.asarray(np.clip(colours, 0.0, 1.0), dtype=np.float32)


def to_levels(colours: NDArray[np.float32]) -> NDArray[np.uint8]:
    """sRGB uint8 of float32 in about 0..1 of any shape: clipped, rounded to the nearest level."""
    levels = np.clip(colours * np.float32(255) + np.float32(0.5), 0, 255)
    return np.asarray(levels, dtype=np.uint8)


def luminance(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Linear luminance (h, w) float32 in 0..1 of sRGB (h, w, 3)."""
    return np.asarray(cv2.transform(_LINEAR[picture], _TO_XYZ[1:2]), dtype=np.float32)


def lightness(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIE L* (h, w) float32 in 0..100 of sRGB (h, w, 3)."""
    return np.asarray(116 * _compressed(luminance(picture)) - 16, dtype=np.float32)


def _compressed(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lab's cube root, straight near zero."""
    roots: NDArray[np.float32] = cv2.pow(light, 1 / 3)
    dark = light <= _KNEE
    roots[dark] = light[dark] * _SLOPE + np.float32(16 / 116)
    return roots


def delta_e_2000(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """CIEDE2000 of two arrays of CIE Lab colours (..., 3) -> (...) float32, >= 0.

    About 1 is just noticeable. Sharma, Wu and Dalal 2005, "The CIEDE2000 color-difference formula:
    implementation notes, supplementary test data, and mathematical observations"; all weights 1.
    """
    l_1, flat_a_1, b_1 = (first[..., i] for i in range(3))
    l_2, flat_a_2, b_2 = (second[..., i] for i in range(3))
    mean_c_7 = (0.5 * (np.hypot(flat_a_1, b_1) + np.hypot(flat_a_2, b_2))) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_c_7 / (mean_c_7 + _POW_25_7))
    a_1, a_2 = flat_a_1 * stretch, flat_a_2 * stretch
    c_1, c_2 = np.hypot(a_1, b_1), np.hypot(a_2, b_2)
    h_1, h_2 = np.arctan2(b_1, a_1), np.arctan2(b_2, a_2)
    # A grey has no hue: it takes the other colour's, so that there is no difference in hue.
    hue_1, hue_2 = np.where(c_1 == 0, h_2, h_1), np.where(c_2 == 0, h_1, h_2)
    turn = np.remainder(hue_2 - hue_1 + np.pi, 2 * np.pi) - np.pi
    mean_h = hue_1 + 0.5 * turn
    mean_c = 0.5 * (c_1 + c_2)
    from_grey = (0.5 * (l_1 + l_2) - 50.0) ** 2
    weight = (
        1.0
        - 0.17 * np.cos(mean_h - np.radians(30.0))
        + 0.24 * np.cos(2.0 * mean_h)
        + 0.32 * np.cos(3.0 * mean_h + np.radians(6.0))
        - 0.20 * np.cos(4.0 * mean_h - np.radians(63.0))
    )
    light = (l_2 - l_1) / (1.0 + 0.015 * from_grey / np.sqrt(20.0 + from_grey))
    chroma = (c_2 - c_1) / (1.0 + 0.045 * mean_c)
    hue = 2.0 * np.sqrt(c_1 * c_2) * np.sin(0.5 * turn) / (1.0 + 0.015 * mean_c * weight)
    blue = np.remainder(np.degrees(mean_h), 360.0) - 275.0
    mean_c_7 = mean_c**7
    rotation = (
        -2.0
        * np.sqrt(mean_c_7 / (mean_c_7 + _POW_25_7))
        * np.sin(np.radians(60.0) * np.exp(-((blue / 25.0) ** 2)))
    )
    squared = light**2 + chroma**2 + hue**2 + rotation * chroma * hue
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)), dtype=np.float32)
