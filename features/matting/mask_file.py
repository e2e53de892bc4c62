"""Mask files as people and background removers write them -> where the product is.

A mask may be white on black, a cut-out with an alpha channel, a label map of 0 and 1, of 16 bits or
with a palette, and turned as its photo's camera was held.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from features.config import DEFAULT_LIMITS, ImageLimits
from features.images.decode import opened, upright_turn
from features.schema import ImageError

# An alpha channel or a label map of which less than this share is of either side shows nothing.
_LEAST_SHARE: Final = 0.005
# Two levels hold a mask of labels: this share of its pixels, within this share of their range.
_TWO_LEVELS: Final = 0.98
_NEAR: Final = 0.1
_MOST_LABELS: Final = 32
# Proportions may differ by rounding to whole pixels, and a mask may be as much smaller.
_SAME_ASPECT: Final = 0.015
_LEAST_SCALE: Final = 0.2


def read_mask(
    source: Path | bytes,
    shape: tuple[int, int],
    turned: Image.Transpose | None = None,
    limits: ImageLimits = DEFAULT_LIMITS,
) -> list[NDArray[np.uint8]]:
    """What a mask file may mean for a photo of `shape` (h, w), the likeliest reading first.

    `turned` is how the photo's stored pixels were turned upright (`Decoded.turned`). Each reading
    is uint8 (h', w'), 255 on the product, of the photo's proportions: the mask as its own Exif
    orientation turns it, as it is stored, and turned as the photo was. Raises ImageError for a file
    that cannot be read, or whose proportions are not the photo's.
    """
    with opened(source, limits) as (image, name, _):
        stored = _stretched(_values(image))
        own = upright_turn(image)
    turns = [own, None, turned]
    readings: list[NDArray[np.uint8]] = []
    for turn in dict.fromkeys(turns):
        values = stored if turn is None else np.array(Image.fromarray(stored).transpose(turn))
        if _fits(values.shape, shape):
            readings.append(values)
    if not readings:
        first = stored if own is None else np.array(Image.fromarray(stored).transpose(own))
        raise ImageError(
            f"{name} is a mask of {first.shape[1]}x{first.shape[0]} px, expected its picture's "
            f"{shape[1]}x{shape[0]} or the same proportions: export it from that picture"
        )
    return readings


def _fits(found: tuple[int, ...], shape: tuple[int, int]) -> bool:
    height, width = found
    scale = height / shape[0], width / shape[1]
    if min(scale) < _LEAST_SCALE:
        return False
    off_by = abs(height - shape[0] * scale[1]), abs(width - shape[1] * scale[0])
    return max(off_by) <= 1 or abs(scale[0] / scale[1] - 1) <= _SAME_ASPECT


def _values(image: Image.Image) -> NDArray[np.float32]:
    """The channel of a loaded picture that says where the product is, (h, w), in its own levels."""
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if _LEAST_SHARE <= float((alpha >= 128).mean()) <= 1 - _LEAST_SHARE:
            return alpha.astype(np.float32)
        image = image.convert("RGBA").convert("RGB")
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L")).astype(np.float32)
    if image.mode.startswith(("I", "F")):
        # Without a profile or an agreed range: from 0 to the largest value there is.
        values = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0.0, neginf=0.0)
        return np.asarray(values * np.float32(255.0 / max(float(values.max()), 1e-6)))
    image = image.convert("RGB")
    colours = np.asarray(image)
    labels = image.getcolors(_MOST_LABELS)
    if labels is not None and len(labels) == 2:
        # Labels of two colours: the lighter one is the product, as in white on black.
        return np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), dtype=np.float32)
    brightest = np.asarray(colours.max(axis=2), dtype=np.float32)
    if labels is not None and (colours.min(axis=2) < brightest).any():
        # A label map in colours: everything that is not black is something.
        brightest[brightest > 0] = 255.0
    return brightest


def _stretched(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Two levels, whatever they are, to 0 and 255; other values as they are."""
    low, high = float(values.min()), float(values.max())
    near = _NEAR * (high - low)
    below, above = float((values <= low + near).mean()), float((values >= high - near).mean())
    if high > low and below + above >= _TWO_LEVELS and min(below, above) >= _LEAST_SHARE:
        values = (values - low) * np.float32(255.0 / (high - low))
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
