"""What the clean ground's colour reaches from the border: ground, its pockets, holes and shadows."""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

# A shadow is no darker than this ratio of light.
_DARKEST: Final = 0.35
# JPEG rings around an edge by some twelfth of its height, as far as a block of 8 pixels.
_RING: Final = 0.06
_RING_PX: Final = 17
# Off a ramp by this share of the change nearby: .22 at a sharp step, .08 at a penumbra of 2 pixels.
_SUDDEN: Final = 0.14
_STILL: Final = 0.5
_WIDE_PX: Final = 9
_SOFT_SHARE: Final = 0.5


class Sharpness(NamedTuple):
    """How far each colour is off a ramp, the change within 3 px, and the border's noise of both."""

    off_ramp: NDArray[np.float32]
    change: NDArray[np.float32]
    still: float


class Filled(NamedTuple):
    """Pixels (h, w) bool: clean ground, ground in shadow, and wide open ground to fit it to."""

    clean: NDArray[np.bool_]
    shaded: NDArray[np.bool_]
    open: NDArray[np.bool_]


def sharpness(lab: NDArray[np.float32], edge: NDArray[np.bool_]) -> Sharpness:
    """Of `lab` (h, w, 3), in Lab units; `edge` (h, w) is the picture's border."""
    difference = lab - cv2.GaussianBlur(lab, (0, 0), 2.1)
    off_ramp = np.sqrt((difference**2).sum(axis=2))
    window = np.ones((7, 7), np.uint8)
    change = cv2.dilate(lab, window) - cv2.erode(lab, window)
    still = float(np.median(off_ramp[edge]))
    return Sharpness(off_ramp, np.sqrt((change**2).sum(axis=2)), still)


def fill(
    lab: NDArray[np.float32],
    clean: NDArray[np.float32],
    noise: float,
    sharp: Sharpness,
    edge: NDArray[np.bool_],
) -> Filled:
    """Fill the ground from the `edge` (h, w): `lab` and its `clean` ground are (h, w, 3) in Lab.

    Clean ground is `clean` within its `noise` and has no sudden change; shadows are `clean` in less
    light and end softly somewhere on the clean ground.
    """
    deviation = lab - clean
    light = deviation[..., 0]
    ratio = lab[..., 0] / np.maximum(clean[..., 0], 1.0)
    # The chroma of a ground falls with its light.
    chroma = np.hypot(*(lab[..., i] - ratio * clean[..., i] for i in (1, 2)))
    apart = np.sqrt(light**2 + chroma**2)
    contrast = cv2.dilate(apart, np.ones((_RING_PX, _RING_PX), np.uint8))
    sudden = sharp.off_ramp > np.maximum(max(_STILL, 2.5 * sharp.still), _RING * contrast)
    sudden &= sharp.off_ramp > _SUDDEN * sharp.change
    reach = 1.2 + 2.0 * noise + 1.3 * _RING * contrast
    same = (np.abs(light) < reach) & (chroma < reach)
    free = same & ~sudden
    open_ground = _reach(free, edge & same, _WIDE_PX)
    narrow = _reach(free, edge & same, 3)
    ground = open_ground | _like_ground(narrow & ~open_ground, deviation, noise, sharp)
    shaded = (light < 0) & (ratio > _DARKEST) & (chroma < reach + 1.0)
    shadow = _soft_shadows(shaded & ~sudden & ~ground, ground, sudden)
    holes = _like_ground(free & ~narrow & ~ground & ~shadow, deviation, noise, sharp)
    ground |= holes
    for _ in range(2):
        ground |= _grow(ground, 3) & same & ~shadow
        shadow |= _grow(shadow, 3) & shaded & ~ground & ~sudden
    return Filled(ground, shadow & ~ground, open_ground)


def _reach(free: NDArray[np.bool_], start: NDArray[np.bool_], width_px: int) -> NDArray[np.bool_]:
    """Part of `free` that openings of `width_px` connect to `start`."""
    window = np.ones((width_px, width_px), np.uint8)
    wide = cv2.erode(free.astype(np.uint8), window, borderValue=1)
    _, labels = cv2.connectedComponents(wide, connectivity=4)
    kept = np.zeros(int(labels.max()) + 1, dtype=bool)
    kept[labels[start]] = True
    kept[0] = False
    return _grow(kept[labels], width_px + 2) & free


def _like_ground(
    regions: NDArray[np.bool_],
    deviation: NDArray[np.float32],
    noise: float,
    sharp: Sharpness,
) -> NDArray[np.bool_]:
    """Those of the `regions` that are as even as the open ground, and its colour in the mean."""
    whole = cv2.morphologyEx(regions.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(whole, connectivity=4)
    flat = labels.ravel()
    size = np.maximum(stats[:, cv2.CC_STAT_AREA], 1)
    mean = np.stack(
        [np.bincount(flat, deviation[..., i].ravel(), count) / size for i in range(3)], axis=1
    )
    off_ramp = np.bincount(flat, sharp.off_ramp.ravel(), count) / size
    alike = (np.abs(mean).max(axis=1) < 0.5 + 0.8 * noise) & (off_ramp < 0.35 + 1.6 * sharp.still)
    alike &= size >= 12
    alike[0] = False
    return _grow(alike[labels], 3) & regions


def _soft_shadows(
    shaded: NDArray[np.bool_], ground: NDArray[np.bool_], sudden: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Those of the `shaded` regions whose border with the `ground` is mostly no sudden change."""
    whole = cv2.morphologyEx(shaded.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(whole, connectivity=4)
    around = cv2.dilate(labels.astype(np.float32), np.ones((5, 5), np.uint8)).astype(np.int64)
    outside = (whole == 0) & (around > 0)
    soft = np.bincount(around[outside & ground], minlength=count)
    hard = np.bincount(around[outside & sudden & _grow(ground, 9)], minlength=count)
    fades = (soft > 4) & (soft >= _SOFT_SHARE * (soft + hard))
    fades[0] = False
    return _grow(fades[labels], 3) & shaded


def _grow(region: NDArray[np.bool_], width_px: int) -> NDArray[np.bool_]:
    grown = cv2.dilate(region.astype(np.uint8), np.ones((width_px, width_px), np.uint8))
    return grown > 0
