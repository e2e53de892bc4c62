"""Any PIL picture mode and ICC profile -> 8-bit sRGB and a separate alpha."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image, ImageCms

from features.schema import ImageError

# Levels that two profiles may differ by and still be one: rounding in the profile's tables.
_SAME_LEVELS: Final = 2


def to_srgb(image: Image.Image, name: str) -> tuple[Image.Image, Image.Image | None, str]:
    """Convert a loaded picture, called `name`, to sRGB.

    Returns the picture (mode RGB), its alpha (L) or None, and a note in words, empty where all is
    well. A profile that cannot be used is noted and ignored, and the numbers are taken as sRGB, as
    browsers do. Raises ImageError for 32-bit integer and float pictures, which have no agreed
    range.
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
        grey = image.mode in ("L", "LA")
        with_alpha = image.convert("RGBA")
        alpha = with_alpha.getchannel("A")
        image = with_alpha.getchannel("R") if grey else with_alpha.convert("RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    if not profile:
        return image.convert("RGB"), alpha, ""
    try:
        return _apply_profile(image, bytes(profile)), alpha, ""
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        return (
            image.convert("RGB"),
            alpha,
            f"its colour profile cannot be used ({error}): its colours are taken as sRGB",
        )


def _from_16_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """`image` (RGB, L or CMYK) through `profile` in sRGB; an error where the two do not fit."""
    mode = _profile_mode(profile)
    if image.mode == "L" and mode == "RGB":
        image = image.convert("RGB")
    if image.mode != mode:
        raise ValueError(f"it is for {mode} pictures and this is {image.mode}")
    transform = _transform(profile, mode)
    if transform is None:
        return image
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # only a transform in place returns none
    return converted


_PROFILE_MODES: Final = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


@lru_cache(maxsize=16)
def _profile_mode(profile: bytes) -> str:
    space = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip()
    return _PROFILE_MODES.get(space, space)


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Transform to sRGB, or None when the profile is sRGB itself, whatever it calls itself.

    Cached because a catalogue's photos share a few profiles and building a transform costs more
    than applying it.
    """
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if mode != "RGB":
        return transform
    axis = np.linspace(0, 255, 9).round().astype(np.uint8)
    probe = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(27, 27, 3)
    seen = ImageCms.applyTransform(Image.fromarray(probe), transform)
    moved = np.abs(np.asarray(seen).astype(np.int16) - probe)
    return None if int(moved.max()) <= _SAME_LEVELS else transform
