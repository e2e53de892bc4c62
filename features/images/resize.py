"""Scaling and cropping of uint8 sRGB pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from features.images.pixels import require_picture
from features.schema import ConfigError


def resize_longest(
    picture: NDArray[np.uint8], size_px: int, upscale: bool = False
) -> NDArray[np.uint8]:
    """Scale so that the longer side is `size_px`, keeping the proportions.

    Takes and returns (h, w, 3) uint8. A picture that is already small enough comes back as it is
    unless `upscale` is set. The filter is Lanczos with its support scaled to the reduction, so
    downscaling does not alias. Raises ContractError for another array, ConfigError for `size_px` <
    1.
    """
    require_picture(picture)
    _require_size(size_px)
    height, width = picture.shape[:2]
    longest = max(height, width)
    if longest == size_px or (longest < size_px and not upscale):
        return picture
    scale = size_px / longest
    return resize(picture, max(1, round(height * scale)), max(1, round(width * scale)))


def resize(picture: NDArray[np.uint8], height_px: int, width_px: int) -> NDArray[np.uint8]:
    """Scale to exactly `height_px` x `width_px` with Lanczos; (h, w, 3) uint8 in and out."""
    require_picture(picture)
    _require_size(height_px)
    _require_size(width_px)
    if picture.shape[:2] == (height_px, width_px):
        return picture
    scaled = Image.fromarray(picture).resize((width_px, height_px), Image.Resampling.LANCZOS)
    return np.array(scaled)


def crop_square(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest centred square of a picture, a view of shape (s, s, 3), s the shorter side."""
    require_picture(picture)
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def _require_size(size_px: int) -> None:
    if size_px < 1:
        raise ConfigError(f"a picture's size must be at least 1 px, got {size_px}")
