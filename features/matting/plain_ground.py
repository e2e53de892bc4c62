"""Product on a plain ground: what the border's colour reaches is ground, shadows included.

The ground's clean colour is a smooth surface fitted to the picture's border. From the border the
ground is filled through pixels that are that colour, or that colour in less light (shadow), and
stops at sharp edges; the rest is product. Its soft edge is exact where the ground is known:
a pixel of the edge mixes the product's nearest colour with the ground's (compositing equation of
Porter and Duff, SIGGRAPH 1984, solved for alpha as in Smith and Blinn, "Blue screen matting", 1996).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images import resize_longest
from features.matting.border import frame, to_lab
from features.matting.ground_fill import Filled, fill, sharpness
from features.matting.ground_surface import fit_border, refit, residual
from features.matting.known_ground import matte


@dataclass(frozen=True)
class PlainGroundConfig:
    """`size_px` is the longer side that the ground is filled at; soft edges are at full size.

    `min_border` is the share of the border that must lie on one smooth surface of colour;
    `max_noise` its largest deviation in Lab units. `darkest` is the deepest shadow, as a ratio of
    light.
    """

    size_px: int = 384
    band: float = 0.025
    min_border: float = 0.55
    max_noise: float = 3.0
    darkest: float = 0.35


DEFAULT_PLAIN_GROUND: Final = PlainGroundConfig()
_MIN_SIDE_PX: Final = 24


@dataclass(frozen=True)
class PlainGround:
    """A photo on a plain ground, taken apart: `alpha` (h, w) float32, 1 product, exactly 0 ground.

    `ground` (h, w, 3) float32 in 0..1 is the sRGB colour of the clean ground everywhere, also under
    the product; `shadow` (h, w) float32 in 0..1 the ratio of light on it (1 is no shadow), in sRGB
    values: the photo's own ground is about `ground` x `shadow`. `confidence` in [0, 1].
    """

    alpha: NDArray[np.float32]
    ground: NDArray[np.float32]
    shadow: NDArray[np.float32]
    confidence: float


def plain_ground(
    picture: NDArray[np.uint8], config: PlainGroundConfig = DEFAULT_PLAIN_GROUND
) -> PlainGround | None:
    """Take `picture` (h, w, 3) uint8 sRGB apart; None where its border is not plain.

    Deterministic.
    """
    if min(picture.shape[:2]) < _MIN_SIDE_PX:
        return None
    small = resize_longest(picture, config.size_px)
    lab = cv2.GaussianBlur(to_lab(small), (0, 0), 0.7)
    edge = frame(lab.shape[:2], config.band)
    surface, share = fit_border(lab, edge)
    if share < config.min_border or surface.noise > config.max_noise:
        return None
    sharp = sharpness(lab, edge)
    clean = surface.colours(lab.shape[:2])
    for _ in range(2):
        filled = fill(lab, clean, surface.noise, sharp, edge)
        surface = refit(lab, filled.open, surface)
        clean = surface.colours(lab.shape[:2])
        clean = clean + residual(lab, clean, filled.open)
    filled = fill(lab, clean, surface.noise, sharp, edge)
    ground = cv2.cvtColor(clean, cv2.COLOR_LAB2RGB).clip(0, 1)
    alpha = matte(small, filled.clean | filled.shaded)
    shadow = shading(small, ground, filled)
    confidence = 0.9
    size = picture.shape[1::-1]
    if small is not picture:
        ground = cv2.resize(ground, size, interpolation=cv2.INTER_LINEAR)
        shadow = cv2.resize(shadow, size, interpolation=cv2.INTER_LINEAR)
        alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR)
    return PlainGround(alpha, ground, shadow, confidence)


def shading(
    picture: NDArray[np.uint8], ground: NDArray[np.float32], filled: Filled
) -> NDArray[np.float32]:
    """Ratio of light (h, w) on the ground; under the product, that of the ground nearby."""
    luma = np.float32([0.299, 0.587, 0.114]) / np.float32(255)
    ratio = (picture @ luma) / np.maximum(ground @ (luma * 255), 1e-3)
    ratio[filled.clean & (ratio > 0.97)] = 1.0
    seen = cv2.erode((filled.clean | filled.shaded).astype(np.uint8), np.ones((3, 3), np.uint8))
    weight = seen.astype(np.float32)
    total = np.zeros_like(weight)
    mean = np.zeros_like(weight)
    for reach_px, share in ((1.0, 1.0), (4.0, 1e-2), (16.0, 1e-4)):
        total += share * cv2.GaussianBlur(weight, (0, 0), reach_px)
        mean += share * cv2.GaussianBlur(weight * ratio, (0, 0), reach_px)
    return ((mean + 1e-7) / (total + 1e-7)).clip(0, 1).astype(np.float32)
