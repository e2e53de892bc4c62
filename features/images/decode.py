"""Safe decoding: untrusted picture files -> uint8 sRGB arrays, behind limits."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from features.config import DEFAULT_LIMITS, ImageLimits
from features.images.colour import to_srgb
from features.schema import ImageError

# Exif orientation value -> the PIL operation that makes the picture upright.
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_ORIENTATION: Final = 0x0112


def decode(source: Path | bytes, limits: ImageLimits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Decode a picture file to sRGB, shape (h, w, 3), uint8 in 0..255.

    `source` is a path or the file's bytes. The Exif orientation is applied, an ICC profile is
    converted to sRGB, transparency is laid on white, CMYK, 16-bit, grey and palette pictures
    become RGB, and of an animation the first frame is taken. Raises ImageError for anything
    that is missing, truncated, of another format or beyond `limits`.
    """
    picture, _ = decode_with_alpha(source, limits)
    return picture


def decode_with_alpha(
    source: Path | bytes, limits: ImageLimits = DEFAULT_LIMITS
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Decode as `decode` does, and return the transparency as well.

    Returns the picture on white, (h, w, 3) uint8, and its alpha, (h, w) uint8 with 255 opaque,
    or None when every pixel is opaque. Raises ImageError as `decode` does.
    """
    name = "the picture bytes" if isinstance(source, bytes) else f"picture {source}"
    data = source if isinstance(source, bytes) else _read(source, name, limits)
    _check_bytes(len(data), name, limits)
    with warnings.catch_warnings():
        # Damaged metadata makes PIL warn and carry on, which is what we want; a bomb is refused.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=limits.formats) as image:
                _check_size(image.width, image.height, name, limits)
                image.load()
                rgb, alpha = to_srgb(image, name)
                upright = _UPRIGHT.get(_orientation(image))
        except (ImageError, MemoryError):
            raise
        except UnidentifiedImageError:
            raise ImageError(
                f"{name} is not a picture that can be read: expected one of "
                f"{', '.join(limits.formats)}; convert it or take it out of the catalogue"
            ) from None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise ImageError(
                f"{name} declares more pixels than can be decoded safely, expected at most "
                f"{limits.max_pixels}: scale it down"
            ) from None
        # Decoders fed with damaged bytes raise nearly anything (OSError, SyntaxError, KeyError,
        # struct.error, ...), and one bad picture must never stop a job.
        except Exception as error:
            raise ImageError(
                f"{name} cannot be decoded, it is damaged or incomplete ({error}): "
                "export it again or take it out of the catalogue"
            ) from error
    if upright is not None:
        rgb = rgb.transpose(upright)
        alpha = None if alpha is None else alpha.transpose(upright)
    return _on_white(np.array(rgb), alpha)


def _read(path: Path, name: str, limits: ImageLimits) -> bytes:
    try:
        if not path.is_file():
            raise ImageError(
                f"{name} does not exist or is no file: check image_path, which is resolved "
                "against the table's own folder first, then its parents"
            )
        _check_bytes(path.stat().st_size, name, limits)
        with path.open("rb") as file:
            # One byte beyond the limit is enough to notice a file that grows while it is read.
            return file.read(limits.max_bytes + 1)
    except (OSError, ValueError) as error:
        raise ImageError(f"{name} cannot be read ({error}): check the path and its rights") from (
            error
        )


def _check_bytes(n_bytes: int, name: str, limits: ImageLimits) -> None:
    if n_bytes == 0:
        raise ImageError(f"{name} is empty (0 bytes): upload it again")
    if n_bytes > limits.max_bytes:
        raise ImageError(
            f"{name} has {n_bytes} bytes, expected at most {limits.max_bytes}: "
            "scale it down or raise ImageLimits.max_bytes"
        )


def _check_size(width: int, height: int, name: str, limits: ImageLimits) -> None:
    if width * height > limits.max_pixels:
        raise ImageError(
            f"{name} is {width} x {height} = {width * height} pixels, expected at most "
            f"{limits.max_pixels}: scale it down or raise ImageLimits.max_pixels"
        )
    if min(width, height) < limits.min_side_px:
        raise ImageError(
            f"{name} is {width} x {height} px, expected both sides to be at least "
            f"{limits.min_side_px} px: supply a larger picture"
        )


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # a damaged Exif block says nothing about the pixels: take them as upright
        return 1


def _on_white(
    rgb: NDArray[np.uint8], alpha_image: Image.Image | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    if alpha_image is None:
        return rgb, None
    alpha = np.array(alpha_image)
    if int(alpha.min()) == 255:
        return rgb, None
    weight = alpha[..., None].astype(np.uint16)
    laid = (rgb * weight + 255 * (255 - weight) + 127) // 255
    return laid.astype(np.uint8), alpha
