"""The light of a photo's own ground, kept as ratios, so that a set is lit as the photo was.

A ratio image (Liu, Shan and Zhang 2001, "Expressive expression mapping with ratio images") carries
shading from one surface to another: shadow on a white table is luminance over that of the clean
table, and the same ratio darkens any other surface in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from styletransfer.colour import luminance

_LONGEST_PX: Final = 128
_FIT_ROUNDS: Final = 4
# A ground is plain where this share of it lies within this ratio of a smooth surface.
_PLAIN_SHARE: Final = 0.85
_PLAIN_RATIO: Final = 0.06
_PLAIN_CHROMA: Final = 12.0
_DARKEST: Final = 0.35
_BRIGHTEST: Final = 1.05
# Darker grounds than this (linear) say little about shadows: noise is as large as they are.
_LEAST_LIGHT: Final = 0.03
_OWN_SHADOW: Final = 0.75


@dataclass(frozen=True, eq=False)
class GroundLight:
    """How a photo's ground is lit.

    `ratio` float32 (h, w), linear light over that of the clean ground, 1 where nothing darkens it,
    within 0.35..1.05. `plain` says that the ground is one smooth surface, `shadowed` that the
    photo has a shadow of its own next to the product.
    """

    ratio: NDArray[np.float32]
    plain: bool
    shadowed: bool


def read_light(background: NDArray[np.uint8], alpha: NDArray[np.float32]) -> GroundLight:
    """Light of `background` (h, w, 3) uint8 sRGB, the photo with its product filled in.

    `alpha` (h, w) float32 is the product's mask. On a plain ground all of the shading is kept; on
    any other only soft shadow near the product, as its pattern must not show through the set.
    """
    height, width = alpha.shape
    scale = min(_LONGEST_PX / max(height, width), 1.0)
    size = (max(round(width * scale), 2), max(round(height * scale), 2))
    small = cv2.resize(background, size, interpolation=cv2.INTER_AREA)
    covered = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    light = np.maximum(luminance(small), _LEAST_LIGHT)
    clean, plain = _clean_ground(small, light, covered)
    near = _nearness(covered, 0.07)
    if plain:
        full = np.maximum(luminance(background), _LEAST_LIGHT)
        surface = cv2.resize(clean, (width, height), interpolation=cv2.INTER_LINEAR)
        # JPEG noise of a white ground is no light; edges of shadows are wider than this.
        ratio = cv2.GaussianBlur(full / surface, (0, 0), max(0.003 * max(height, width), 0.8))
    else:
        # Closing removes what is narrow and dark: seams, folds, the pattern of the ground.
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
        soft = cv2.GaussianBlur(cv2.morphologyEx(light, cv2.MORPH_CLOSE, kernel), (0, 0), 1.5)
        wide = cv2.GaussianBlur(soft, (0, 0), 0.12 * max(size))
        soft_ratio = 1.0 - near * (1.0 - np.minimum(soft / wide, 1.0))
        ratio = cv2.resize(soft_ratio, (width, height), interpolation=cv2.INTER_LINEAR)
    ratio = np.clip(ratio, _DARKEST, _BRIGHTEST).astype(np.float32)
    ring = (near > 0.3) & (covered < 0.05)
    around = cv2.resize(ratio, size, interpolation=cv2.INTER_AREA)[ring]
    shadowed = bool(around.size) and float(np.percentile(around, 10)) < 0.93
    return GroundLight(ratio, plain, shadowed)


def contact_shadow(alpha: NDArray[np.float32], standing: bool) -> NDArray[np.float32]:
    """Light (h, w) under a soft shadow of the mask `alpha` (h, w), at most 75 % dark.

    A standing product darkens the ground below it, any other one throws a narrow shadow on what
    lies behind it. For photos whose own shadow is missing, as a cut-out's, or hard to read.
    """
    side = max(alpha.shape)
    drop = max(round(0.018 * side), 1)
    moved = np.zeros_like(alpha)
    moved[drop:] = alpha[:-drop]
    near = cv2.GaussianBlur(moved, (0, 0), max(0.014 * side, 0.5))
    shadow = 0.7 * near + 0.3 * cv2.GaussianBlur(moved, (0, 0), max(0.05 * side, 0.5))
    rows = np.flatnonzero((alpha >= 0.5).any(axis=1))
    if standing and rows.size:
        # Only what is near the floor throws a shadow on it.
        height = np.linspace(0.0, 1.0, int(rows[-1] - rows[0]) + 1, dtype=np.float32)
        ramp = np.interp(np.arange(len(alpha)), np.arange(rows[0], rows[-1] + 1), height)
        shadow = shadow * (0.3 + 0.7 * ramp[:, None] ** 2).astype(np.float32)
    return np.asarray(1.0 - np.float32(_OWN_SHADOW) * shadow, dtype=np.float32)


def _clean_ground(
    small: NDArray[np.uint8], light: NDArray[np.float32], covered: NDArray[np.float32]
) -> tuple[NDArray[np.float32], bool]:
    """The ground's luminance without shadows, by a smooth surface, and whether it is plain."""
    height, width = light.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).reshape(-1, 6)
    seen = covered.ravel() < 0.02
    if seen.sum() < 32:
        return light, False
    values = light.ravel()
    weight = seen.astype(np.float32)
    fitted = values
    for _ in range(_FIT_ROUNDS):
        weighted = terms * weight[:, None]
        ridge = 1e-3 * float(weight.sum()) * np.eye(6, dtype=np.float32)
        ridge[0, 0] = 0.0
        fitted = terms @ np.linalg.solve(weighted.T @ terms + ridge, weighted.T @ values)
        fitted = np.maximum(fitted, _LEAST_LIGHT)
        ratio = values / fitted
        # Shadows only ever darken: what is darker than the surface counts less at every round.
        trust = np.where(ratio < 1.0, np.exp(-(((1.0 - ratio) / 0.04) ** 2)), 1.0)
        weight = (seen * trust).astype(np.float32)
    ratio = values / fitted
    lab = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    tint = lab[:, 1:] - np.median(lab[seen, 1:], axis=0)
    same = (np.abs(ratio - 1.0) < _PLAIN_RATIO) & (np.hypot(*tint.T) < _PLAIN_CHROMA)
    far = seen & (_nearness(covered, 0.07).ravel() < 0.3)
    judged = far if far.sum() >= 32 else seen
    plain = float(same[judged].mean()) >= _PLAIN_SHARE
    return fitted.reshape(height, width).astype(np.float32), plain


def _nearness(covered: NDArray[np.float32], reach: float) -> NDArray[np.float32]:
    """1 next to the product, falling to 0 within about twice `reach` of the longer side."""
    blurred = cv2.GaussianBlur(covered, (0, 0), max(reach * max(covered.shape), 0.5))
    return np.asarray(np.clip(3.0 * blurred, 0.0, 1.0), dtype=np.float32)
