"""Gentle automatic repair of photos: denoise, white balance, contrast, sharpness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images.pixels import require_picture

# Rec. 709 luma of R, G, B.
_LUMA: Final = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)


@dataclass(frozen=True)
class EnhanceConfig:
    """Which repairs `enhance` makes, in the order of the fields."""

    denoise: bool = True
    white_balance: bool = True
    contrast: bool = True
    sharpen: bool = True


def enhance(
    picture: NDArray[np.uint8], config: EnhanceConfig = EnhanceConfig()
) -> NDArray[np.uint8]:
    """Repair a photo, (h, w, 3) uint8 in and out: first noise, then colour, tone and sharpness.

    Noise goes first, since each later step would amplify it, and sharpening last, since it
    depends on the final contrast.
    """
    if config.denoise:
        picture = denoise(picture)
    if config.white_balance:
        picture = auto_white_balance(picture)
    if config.contrast:
        picture = auto_contrast(picture)
    return sharpen(picture) if config.sharpen else picture


def auto_white_balance(picture: NDArray[np.uint8], max_gain: float = 1.15) -> NDArray[np.uint8]:
    """Remove a colour cast, (h, w, 3) uint8 in and out.

    The light's colour is estimated by shades of grey (Finlayson and Trezzi 2004, Minkowski norm
    6) in linear light over pixels that are not clipped. Gains stay within 1 / `max_gain` ..
    `max_gain`. The bound is tight by default: a beige skirt on beige
    cloth looks like a cast, and a product must not change its colour for a wrong guess.
    """
    require_picture(picture)
    pixels = picture.reshape(-1, 3)
    usable = pixels[(pixels.max(axis=1) < 250) & (pixels.max(axis=1) > 10)]
    if not len(usable):
        return picture
    linear = _to_linear()[usable].astype(np.float64)
    light = np.maximum((linear**6).mean(axis=0) ** (1 / 6), 1e-6)
    gains = light.mean() / light
    # Keep the luma of grey; the bound comes last, so that it holds.
    gains = np.clip(gains / (gains @ _LUMA), 1 / max_gain, max_gain)
    table = np.stack([_to_display(_to_linear() * gain) for gain in gains], axis=-1)
    return np.asarray(cv2.LUT(picture, table[None]), dtype=np.uint8)


def auto_contrast(picture: NDArray[np.uint8], max_gain: float = 1.5) -> NDArray[np.uint8]:
    """Stretch the tones so that the luma's 0.5 and 99.5 percentiles reach black and white.

    (h, w, 3) uint8 in and out. The three channels share one stretch, which keeps greys grey, and
    its gain is at most `max_gain`, so that a plain picture is not torn apart.
    """
    require_picture(picture)
    low, high = np.percentile(luma(picture), [0.5, 99.5])
    gain = min(255 / max(float(high - low), 1.0), max_gain)
    # A stretch that is held back keeps the picture's mid tone where it is in proportion.
    room = 255 - gain * float(high - low)
    offset = room * float(low) / max(255 - float(high - low), 1e-6)
    levels = np.arange(256, dtype=np.float64)
    table = np.clip(np.rint((levels - low) * gain + offset), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, table), dtype=np.uint8)


def denoise(picture: NDArray[np.uint8], min_sigma: float = 2.0) -> NDArray[np.uint8]:
    """Non-local means (Buades et al. 2005) as strong as the noise found; (h, w, 3) uint8.

    A picture with less noise than `min_sigma` levels comes back as it is.
    """
    require_picture(picture)
    sigma = noise_sigma(picture)
    if sigma < min_sigma or min(picture.shape[:2]) < 8:
        return picture
    # Patches of 5 px and a strength near the noise's own deviation: the values that the authors'
    # later analysis (Buades et al., IPOL 2011) gives for moderate noise.
    cleaned = cv2.fastNlMeansDenoisingColored(picture, None, sigma, sigma, 5, 15)
    return np.asarray(cleaned, dtype=np.uint8)


def sharpen(
    picture: NDArray[np.uint8], amount: float = 0.6, radius_px: float = 1.0
) -> NDArray[np.uint8]:
    """Unsharp masking of the luma without halos, (h, w, 3) uint8 in and out.

    `amount` >= 0 is the share of the detail added, `radius_px` the deviation of the blur. No
    pixel's luma leaves the range of its 3 x 3 neighbours, so edges steepen but do not ring.
    """
    require_picture(picture)
    tone = luma(picture)
    blurred = cv2.GaussianBlur(tone, (0, 0), radius_px, borderType=cv2.BORDER_REFLECT_101)
    window = np.ones((3, 3), np.uint8)
    target = np.clip(
        tone + amount * (tone - blurred), cv2.erode(tone, window), cv2.dilate(tone, window)
    )
    moved = picture.astype(np.float32) + (target - tone)[..., None]
    return np.asarray(np.clip(np.rint(moved), 0, 255), dtype=np.uint8)


def luma(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Rec. 709 luma of an sRGB picture, (h, w) float32 in 0..255."""
    return np.asarray(cv2.transform(picture.astype(np.float32), _LUMA[None]), dtype=np.float32)


def noise_sigma(picture: NDArray[np.uint8]) -> float:
    """Standard deviation of a picture's noise in levels of 0..255.

    The median of the finest diagonal Haar detail of the luma over 0.6745 (Donoho and Johnstone
    1994); edges are few among those details and do not move their median.
    """
    tone = luma(picture)
    tone = tone[: tone.shape[0] // 2 * 2, : tone.shape[1] // 2 * 2]
    detail = (tone[::2, ::2] - tone[1::2, ::2] - tone[::2, 1::2] + tone[1::2, 1::2]) / 2
    return float(np.median(np.abs(detail)) / 0.6745) if detail.size else 0.0


def _to_linear() -> NDArray[np.float64]:
    levels = np.arange(256) / 255
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def _to_display(linear: NDArray[np.float64]) -> NDArray[np.uint8]:
    linear = np.clip(linear, 0, 1)
    levels = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(levels * 255), dtype=np.uint8)
