"""A photo's Exif block, made true of a picture painted from it."""

from __future__ import annotations

import warnings
from typing import Final

from PIL import Image

from features.schema import ImageError
from styletransfer.provenance.metadata_blocks import DAMAGE, MAX_BLOCK_BYTES

_LABEL: Final = b"Exif\0\0"
# Of the main directory: how pixels are stored, and pointers to other blocks.
_STORAGE_TAGS: Final = frozenset(
    tag
    for low, high in (
        (254, 259),  # subfile type, size, bits, compression
        (262, 266),  # photometric interpretation, thresholds, fill order
        (273, 273),  # strip offsets
        (277, 284),  # samples, rows per strip, resolution, planar configuration
        (290, 292),
        (296, 297),  # resolution unit, page number
        (301, 301),
        (317, 347),  # predictor, tiles, sub-directories, sample format, JPEG tables
        (512, 532),  # old JPEG, YCbCr
        (700, 700),  # XMP
        (33723, 33723),  # IPTC
        (34377, 34377),  # Photoshop
        (34675, 34675),  # ICC profile
        (50341, 50341),  # print image matching
    )
    for tag in range(low, high + 1)
)
_ORIENTATION: Final = 274
_DETAILS: Final = 34665
_MAKER_NOTE: Final = 37500
_COLOR_SPACE: Final = 40961
_WIDTH_PX: Final = 40962
_HEIGHT_PX: Final = 40963
_INTEROPERABILITY: Final = 40965


def of_upright(exif: bytes, width: int, height: int) -> bytes:
    """The Exif block of upright sRGB pixels, `width` x `height`, made from a photo with `exif`.

    Orientation, colour space and size are set where the photo has them; its thumbnail, and all
    that told how its pixels were stored, is left out. Raises ImageError for a damaged block, or
    one that does not fit into a file even without the camera's private notes.
    """
    tags = Image.Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tags.load(_LABEL + exif)
            for tag in _STORAGE_TAGS & set(tags):
                del tags[tag]
            if _ORIENTATION in tags:
                tags[_ORIENTATION] = 1
            details = tags.get_ifd(_DETAILS)
            details.pop(_INTEROPERABILITY, None)
            for tag, value in ((_COLOR_SPACE, 1), (_WIDTH_PX, width), (_HEIGHT_PX, height)):
                if tag in details:
                    details[tag] = value
            block = tags.tobytes().removeprefix(_LABEL)
            if len(block) > MAX_BLOCK_BYTES:
                details.pop(_MAKER_NOTE, None)
                block = tags.tobytes().removeprefix(_LABEL)
        except DAMAGE as error:
            raise ImageError(f"the photo's Exif tags are damaged: {error}") from error
    if len(block) > MAX_BLOCK_BYTES:
        raise ImageError(
            f"the photo's Exif tags take {len(block)} bytes, at most {MAX_BLOCK_BYTES} fit"
        )
    return block
