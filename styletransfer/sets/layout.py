"""How a photo is laid out: what its product stands on, hangs before, or lies on."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from styletransfer.sets.light import GroundLight
from styletransfer.sets.synthesis import SetLayout

_LONGEST_PX: Final = 96
_FLOOR_FROM: Final = 0.35
_FLOOR_TO: Final = 0.92
# A floor's line is this many times stronger than the other horizontal changes of the ground.
_LINE_STRENGTH: Final = 3.5
_STANDING: Final = 1.4


def read_layout(
    background: NDArray[np.uint8], alpha: NDArray[np.float32], light: GroundLight
) -> SetLayout:
    """Layout of a photo: wall, wall_and_floor or flat_lay.

    `background` (h, w, 3) uint8 sRGB is the photo with its product filled in, `alpha` (h, w) the
    product's mask. A floor is told by its line against the wall, on both sides of the product, or
    on a plain ground by a shadow that lies below the product rather than around it. Without either,
    a plain ground is a wall, and any other one is seen from above.
    """
    if _has_floor_line(background, alpha) or _stands(alpha, light):
        return "wall_and_floor"
    return "wall" if light.plain else "flat_lay"


def _stands(alpha: NDArray[np.float32], light: GroundLight) -> bool:
    """Whether the shadow lies below the product: the ground is a floor there."""
    if not (light.plain and light.shadowed):
        return False
    inside = alpha >= 0.5
    rows = np.flatnonzero(inside.any(axis=1))
    if not rows.size:
        return False
    top, bottom = int(rows[0]), int(rows[-1])
    reach = max(round(0.06 * max(alpha.shape)), 2)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    ring = (cv2.dilate(inside.astype(np.uint8), kernel) > 0) & (alpha < 0.05)
    y = np.arange(len(alpha))[:, None]
    low = ring & (y > bottom - 0.15 * (bottom - top))
    high = ring & (y < top + 0.6 * (bottom - top))
    if low.sum() < 16 or high.sum() < 16:
        return False
    below, above = (float((1.0 - light.ratio[part]).mean()) for part in (low, high))
    return below > 0.04 and below > _STANDING * max(above, 0.01)


def _has_floor_line(background: NDArray[np.uint8], alpha: NDArray[np.float32]) -> bool:
    """Whether one horizontal line parts the ground left and right of the product."""
    height, width = alpha.shape
    scale = min(_LONGEST_PX / max(height, width), 1.0)
    size = (max(round(width * scale), 2), max(round(height * scale), 2))
    small = cv2.resize(background, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    free = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) < 0.05
    half = size[0] // 3
    lines = []
    for side in (np.s_[:, :half], np.s_[:, -half:]):
        weight = free[side].astype(np.float32)[..., None]
        rows = (lab[side] * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1.0)
        seen = weight.sum(axis=(1, 2)) >= max(0.3 * half, 1.0)
        if seen.mean() < 0.7:
            return False
        smooth = cv2.GaussianBlur(rows, (1, 0), 1.0) if len(rows) > 4 else rows
        steps = np.linalg.norm(smooth[2:] - smooth[:-2], axis=1) * (seen[2:] & seen[:-2])
        start, end = round(_FLOOR_FROM * len(steps)), round(_FLOOR_TO * len(steps))
        if end - start < 4:
            return False
        place = start + int(steps[start:end].argmax())
        others = np.delete(steps, np.s_[max(place - 3, 0) : place + 4])
        if steps[place] < 5.0 or steps[place] < _LINE_STRENGTH * (np.median(others) + 0.5):
            return False
        lines.append(place / len(steps))
    return abs(lines[0] - lines[1]) < 0.06
