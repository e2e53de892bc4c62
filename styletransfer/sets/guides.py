"""The guide of a set: its layout's light and some large shapes, in the look's own colours."""

from __future__ import annotations

from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

SetLayout = Literal["wall", "wall_and_floor", "flat_lay"]

HORIZON: Final = 0.66
_SOFT_LINE: Final = 0.05


def layout_light(layout: SetLayout, side_px: int) -> NDArray[np.float32]:
    """Light over a layout, float32 (side_px, side_px), about 1 on average.

    A wall is lit from the upper left and falls off softly; a floor begins at 0.66 of the height,
    a little darker at the line than in front; a flat lay is lit evenly, from one corner.
    """
    y, x = np.meshgrid(*(2 * [(np.arange(side_px) + 0.5) / side_px]), indexing="ij")
    if layout == "flat_lay":
        light = 1.04 - 0.08 * (x + y) / 2
    else:
        light = 1.05 - 0.14 * ((x - 0.4) ** 2 + (y - 0.3) ** 2)
    if layout == "wall_and_floor":
        floor = 1 / (1 + np.exp(-np.clip((y - HORIZON) / (_SOFT_LINE / 4), -30, 30)))
        light = light * (1 - floor) + floor * (0.86 + 0.22 * (y - HORIZON) / (1 - HORIZON))
    scaled: NDArray[np.float32] = (light / light.mean()).astype(np.float32)
    return scaled


def guide(
    look: NDArray[np.float32],
    usable: NDArray[np.bool_],
    layout: SetLayout,
    side_px: int,
    seed: int,
    roughness: float = 0.6,
) -> NDArray[np.float32]:
    """Light and large shapes, coloured by rank with the look's colours.

    Args:
        look: float32 (h, w, 3) in 0..1.
        usable: (h, w), False where no colour may come from.
        layout: whose light.
        side_px: side of the guide.
        seed: draws the shapes.
        roughness: deviation of the shapes' lightness against the light's.

    Returns:
        float32 (side_px, side_px, 3) in 0..1.
    """
    rng = np.random.default_rng(seed)
    light = layout_light(layout, side_px)
    shapes = _soft_noise(rng, side_px)
    order = (light - light.mean()) / max(float(light.std()), 1e-6) + roughness * 2 * shapes
    small = cv2.resize(look, (64, 64), interpolation=cv2.INTER_AREA)
    free = cv2.resize(usable.astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA) > 0.5
    colours = small[free] if free.any() else small.reshape(-1, 3)
    colours = colours[np.argsort(colours @ np.array([0.299, 0.587, 0.114]), kind="stable")]
    ranks = np.empty(order.size, dtype=np.int64)
    ranks[np.argsort(order, axis=None, kind="stable")] = np.arange(order.size)
    picked = colours[(ranks * len(colours)) // order.size]
    coloured: NDArray[np.float32] = picked.reshape(side_px, side_px, 3).astype(np.float32)
    return coloured


def _soft_noise(rng: np.random.Generator, side_px: int) -> NDArray[np.float64]:
    """Noise whose power falls with frequency, of deviation 1."""
    white = rng.standard_normal((side_px, side_px))
    fy = np.fft.fftfreq(side_px)[:, None] * side_px
    fx = np.fft.rfftfreq(side_px)[None, :] * side_px
    radius = np.hypot(fy, fx)
    radius[0, 0] = np.inf
    noise = np.fft.irfft2(np.fft.rfft2(white) / radius**1.3, s=white.shape)
    return np.asarray(noise / noise.std(), dtype=np.float64)
