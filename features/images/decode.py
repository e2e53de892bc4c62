"""Safe decoding: untrusted picture files -> uint8 sRGB arrays, behind limits."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from features.config import DEFAULT_LIMITS, ImageLimits
from features.images.colour import to_srgb
from features.images.files import check_bytes, read_picture
from features.images.truncated import complete_jpeg, has_zero_tail
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
_JPEG: Final = ("JPEG", "MPO")
# PIL's names of the formats that are read at all (MPO is a JPEG file of several views).
_SUFFIXES: Final = {
    "JPEG": "jpg",
    "MPO": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tif",
    "AVIF": "avif",
}


def decode(source: Path | bytes, limits: ImageLimits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Decode a picture file to sRGB, shape (h, w, 3), uint8 in 0..255.

    `source` is a path or the file's bytes. The Exif orientation is applied, an ICC profile is
    converted to sRGB, transparency is laid on white, CMYK, 16-bit, grey and palette pictures
    become RGB, and of an animation the first frame is taken. A JPEG file that lacks no more than
    5 % of its pixels at its end is read as browsers do. Raises ImageError for anything that is
    missing, truncated, of another format or beyond `limits`.
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
    decoded = decode_file(source, limits)
    return decoded.picture, decoded.alpha


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture file decoded: what `decode_with_alpha` returns, and what its file was like.

    `suffix` is the file name's that its format should have, such as `jpg`. `turned` is how an Exif
    orientation turned the stored pixels to make them upright, None where it did not. `notes` say
    in words what was wrong with the file and how it was read all the same.
    """

    picture: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    suffix: str
    turned: Image.Transpose | None
    notes: tuple[str, ...]


def decode_file(source: Path | bytes, limits: ImageLimits = DEFAULT_LIMITS) -> Decoded:
    """Decode as `decode` does, and say what the file was like. Raises ImageError likewise."""
    with opened(source, limits) as (image, name, notes):
        rgb, alpha, problem = to_srgb(image, name)
        suffix = _SUFFIXES[image.format or ""]
    turned = upright_turn(image)
    if turned is not None:
        rgb = rgb.transpose(turned)
        alpha = None if alpha is None else alpha.transpose(turned)
    laid, varying = _on_white(np.array(rgb), alpha)
    return Decoded(laid, varying, suffix, turned, tuple(filter(None, (*notes, problem))))


@contextmanager
def opened(
    source: Path | bytes, limits: ImageLimits
) -> Iterator[tuple[Image.Image, str, list[str]]]:
    """A picture file behind `limits`, loaded: the PIL picture, its name for messages, and notes.

    `notes` say what was wrong with the file. Raises ImageError as `decode` does, also for whatever
    goes wrong inside the block.
    """
    name = "the picture bytes" if isinstance(source, bytes) else f"picture {source}"
    data = source if isinstance(source, bytes) else read_picture(source, limits)
    check_bytes(len(data), name, limits)
    known = [format for format in limits.formats if format in _SUFFIXES and _is_readable(format)]
    notes: list[str] = []
    with warnings.catch_warnings():
        # Damaged metadata makes PIL warn and carry on, which is what we want; a bomb is refused.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=known) as image:
                _check_size(image.width, image.height, name, limits)
                whole = _load(image)
                sound = whole and not (image.format in _JPEG and has_zero_tail(data))
                if sound:
                    yield image, name, notes
            if not sound:
                ended, missing = complete_jpeg(data)
                if missing or not whole:
                    notes.append(f"the file lacks its end, {100 * missing:.2f} % of its pixels")
                with Image.open(io.BytesIO(ended), formats=known) as image:
                    image.load()
                    yield image, name, notes
        except (ImageError, MemoryError):
            raise
        except UnidentifiedImageError:
            raise ImageError(
                f"{name} is not a picture that can be read: expected one of "
                f"{', '.join(known)}; convert it or take it out of the catalogue"
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


@cache
def _is_readable(format: str) -> bool:
    """Whether this build of PIL can read `format`: AVIF is not in all of them."""
    Image.init()
    return format in Image.OPEN


def _load(image: Image.Image) -> bool:
    """Decode the pixels; False for a JPEG file whose data end too soon, as PIL finds them to."""
    try:
        image.load()
    except OSError:
        if image.format not in _JPEG:
            raise
        return False
    return True


def _check_size(width: int, height: int, name: str, limits: ImageLimits) -> None:
    if width * height > limits.max_pixels:
        raise ImageError(
            f"{name} is {width} x {height} = {width * height} pixels, expected at most "
            f"{limits.max_pixels}: scale it down or raise images.max_pixels"
        )
    if min(width, height) < limits.min_side_px:
        raise ImageError(
            f"{name} is {width} x {height} px, expected both sides to be at least "
            f"{limits.min_side_px} px: supply a larger picture"
        )


def upright_turn(image: Image.Image) -> Image.Transpose | None:
    """How a picture's Exif orientation says that it is to be turned; None where it is upright."""
    try:
        return _UPRIGHT.get(int(image.getexif().get(_EXIF_ORIENTATION, 1)))
    except Exception:  # a damaged Exif block says nothing about the pixels: take them as upright
        return None


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
