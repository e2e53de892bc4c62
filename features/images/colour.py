"""Any PIL picture mode and ICC profile -> 8-bit sRGB and a separate alpha."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image, ImageCms

from features.schema import ImageError

_PROFILED_MODES: Final = ("RGB", "L", "CMYK")


def to_srgb(image: Image.Image, name: str) -> tuple[Image.Image, Image.Image | None]:
    """Convert a loaded picture, called `name`, to sRGB (mode RGB) and its alpha (L) or None.

    A profile that cannot be used is ignored and the numbers are taken as sRGB, as browsers do.
    Raises ImageError for 32-bit integer and float pictures, which have no agreed range.
    """
    if image.mode in ("I", "F"):
        raise ImageError(
            f"{name} has 32 bits per channel (mode {image.mode}), whose range is not defined: "
            "save it with 8 or 16 bits"
        )
    profile = image.info.get("icc_profile")
    alpha = None
    if image.mode.startswith("I;16"):
        image = _from_16_bit(image)
    elif image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        alpha = with_alpha.getchannel("A")
        image = Image.merge("RGB", with_alpha.split()[:3])
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in _PROFILED_MODES:
        image = image.convert("RGB")
    profiled = _apply_profile(image, profile) if isinstance(profile, bytes) else None
    return (image.convert("RGB") if profiled is None else profiled), alpha


def _from_16_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    try:
        transform = _transform(profile, image.mode)
        return None if transform is None else ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Transform to sRGB, or None when the profile is sRGB itself.

    Cached because a catalogue's photos share a few profiles and building a transform costs more
    than applying it.
    """
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if mode == "RGB" and "srgb" in ImageCms.getProfileDescription(source).lower():
        return None
    return ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
