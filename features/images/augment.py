"""Random views of a picture for training."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images.enhance import luma
from features.images.pixels import require_picture
from features.images.resize import resize
from features.schema import ConfigError


@dataclass(frozen=True)
class AugmentConfig:
    """How far training views may stray from the picture.

    `size_px` is the side of the square view; `min_area` the least share of the largest square
    that a crop keeps, in (0, 1]; the jitters are the largest relative change of brightness,
    contrast and saturation, and the largest turn of the hue in degrees.
    """

    size_px: int = 256
    min_area: float = 0.5
    flip: bool = True
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    hue_degrees: float = 8.0

    def __post_init__(self) -> None:
        if not 0 < self.min_area <= 1:
            raise ConfigError(f"min_area must be in (0, 1], got {self.min_area}")
        jitters = (self.brightness, self.contrast, self.saturation)
        if not all(0 <= jitter < 1 for jitter in jitters) or not 0 <= self.hue_degrees <= 180:
            raise ConfigError(
                f"jitters must be in [0, 1) and hue_degrees in [0, 180], got {jitters} and "
                f"{self.hue_degrees}"
            )


def augment(
    picture: NDArray[np.uint8], rng: np.random.Generator, config: AugmentConfig = AugmentConfig()
) -> NDArray[np.uint8]:
    """A random square crop, mirrored half of the time, with its colours jittered.

    Takes (h, w, 3) uint8 and returns (size_px, size_px, 3) uint8. The same generator state gives
    the same view; every call draws the same count of numbers.
    """
    require_picture(picture)
    draws = rng.random(8)
    height, width = picture.shape[:2]
    area = config.min_area + (1 - config.min_area) * draws[0]
    side = max(1, round(min(height, width) * float(np.sqrt(area))))
    top = int(draws[1] * (height - side + 1))
    left = int(draws[2] * (width - side + 1))
    crop = picture[top : top + side, left : left + side]
    view = resize(np.ascontiguousarray(crop), config.size_px, config.size_px)
    if config.flip and draws[3] < 0.5:
        view = view[:, ::-1]
    return _jitter(np.ascontiguousarray(view), 2 * draws[4:] - 1, config)


def _jitter(
    view: NDArray[np.uint8], draws: NDArray[np.float64], config: AugmentConfig
) -> NDArray[np.uint8]:
    """`draws` are four numbers in -1..1: brightness, contrast, saturation, hue."""
    tone = luma(view)[..., None]
    chroma = view - tone
    chroma = chroma * (1 + config.saturation * draws[2])
    if config.hue_degrees:
        chroma = _turn_hue(chroma.astype(np.float32), np.deg2rad(config.hue_degrees * draws[3]))
    mean = float(tone.mean())
    contrast = 1 + config.contrast * draws[1]
    brightness = 1 + config.brightness * draws[0]
    jittered = ((tone + chroma - mean) * contrast + mean) * brightness
    return np.asarray(np.clip(np.rint(jittered), 0, 255), dtype=np.uint8)


def _turn_hue(chroma: NDArray[np.float32], angle: float) -> NDArray[np.float32]:
    """Rotate colour differences, (h, w, 3), about the grey axis (Rodrigues' formula)."""
    axis = np.full(3, 1 / np.sqrt(3))
    cross = np.array(
        [[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]], dtype=np.float64
    )
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return np.asarray(cv2.transform(chroma, rotation.astype(np.float32)), dtype=np.float32)
