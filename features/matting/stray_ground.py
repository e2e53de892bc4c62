"""Ground that a mask on a plain ground holds by mistake: ground's colour, no edge to the ground.

A product ends where the picture has an edge. Where a mask's outline crosses an even surface of the
ground's colour instead, as in the gap between a sleeve and the body, inside a handle or across a
soft shadow, what lies behind it is more of the same ground.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images import resize_longest
from features.matting.border import to_lab

_SIZE_PX: Final = 384
_SMOOTH_PX: Final = 0.8
# Lab units off the clean ground's colour, beyond twice the ground's deviation: of such ground, and
# of a product that may be taken for it; share of the ground's light.
_ALIKE: Final = 2.0
_AKIN: Final = 8.0
_DARKEST: Final = 0.6
# Lab units from pixel to pixel beyond twice the deviation, where there is no edge.
_NO_EDGE: Final = 2.0
# Shares: of a product that may be akin, of the picture that a part has at least, of a part's
# outline that has no edge.
_MOST: Final = 0.2
_LEAST: Final = 0.0006
_OPEN: Final = 0.6


def without_stray_ground(
    picture: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    ground: NDArray[np.float32],
    noise: float,
) -> NDArray[np.float32]:
    """Alpha (h, w) float32 in 0..1 of a mask of `picture` (h, w, 3) uint8, less such ground.

    `ground` (h, w, 3) float32 in 0..1 is the sRGB colour of the clean ground everywhere, `noise`
    its deviation, Lab units. Unchanged where there is none, or where so much of a product is alike
    that it may be of the ground's colour itself.
    """
    small = resize_longest(picture, _SIZE_PX)
    size = small.shape[1::-1]
    inside = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) >= 0.5
    clean = cv2.cvtColor(cv2.resize(ground, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(to_lab(small), (0, 0), _SMOOTH_PX)
    stray = _find(lab, clean, inside, 2.0 * noise)
    if not stray.any():
        return alpha
    soft = cv2.GaussianBlur(stray.astype(np.float32), (0, 0), 0.7)
    gone = cv2.resize(soft, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    cleaned: NDArray[np.float32] = np.minimum(alpha, 1.0 - gone.clip(0.0, 1.0))
    return cleaned


def _find(
    lab: NDArray[np.float32], clean: NDArray[np.float32], inside: NDArray[np.bool_], slack: float
) -> NDArray[np.bool_]:
    tint = np.hypot(lab[..., 1] - clean[..., 1], lab[..., 2] - clean[..., 2])
    light = lab[..., 0]
    lit = light > _DARKEST * clean[..., 0]
    alike, akin = (
        lit & (tint < far + slack) & (light < clean[..., 0] + far + slack)
        for far in (_ALIKE, _AKIN)
    )
    held = alike & inside
    # A product, one among several too, may be itself near the ground's colour.
    _, products = cv2.connectedComponents(inside.astype(np.uint8))
    sizes = np.bincount(products.ravel())
    share = np.bincount(products[akin & inside], minlength=len(sizes)) / np.maximum(sizes, 1)
    held &= (share <= _MOST)[products]
    window = np.ones((3, 3), np.uint8)
    change = cv2.dilate(lab, window) - cv2.erode(lab, window)
    flat = np.sqrt((change**2).sum(axis=2)) < _NO_EDGE + slack
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        held.astype(np.uint8), connectivity=4
    )
    beyond = cv2.dilate((~inside & alike).astype(np.uint8), window) > 0
    outline = held & (cv2.dilate((~held).astype(np.uint8), window) > 0)
    outline &= cv2.dilate((~inside).astype(np.uint8), window) > 0
    n_outline = np.bincount(labels[outline], minlength=count)
    n_open = np.bincount(labels[outline & beyond & flat], minlength=count)
    area = stats[:, cv2.CC_STAT_AREA]
    stray = (area >= _LEAST * inside.size) & (n_open > 0) & (n_open >= _OPEN * n_outline)
    stray[0] = False
    # Its rim is half the product's, whose colour is not the ground's.
    grown: NDArray[np.bool_] = cv2.dilate(stray[labels].astype(np.uint8), window) > 0
    return grown & inside
