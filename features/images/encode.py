"""uint8 sRGB arrays -> picture files."""

from __future__ import annotations

import io
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from features.config import PictureFormat
from features.images.pixels import require_picture
from features.schema import ConfigError

# From this quality on, full-resolution chroma is worth its bytes: painted pictures are made of
# small saturated strokes, which halved chroma smears.
_FULL_CHROMA_QUALITY: Final = 90


def encode(picture: NDArray[np.uint8], format: PictureFormat, quality: int = 90) -> bytes:
    """Encode an sRGB picture, shape (h, w, 3), uint8, as a file without metadata.

    `format` is png (lossless, `quality` unused), jpeg or webp (lossy, `quality` 1..100). The
    same picture and settings give the same bytes. Raises ContractError for another array,
    ConfigError for another format or quality.
    """
    require_picture(picture)
    if format not in get_args(PictureFormat):
        raise ConfigError(f"unknown picture format {format!r}: expected one of png, jpeg, webp")
    if not 1 <= quality <= 100:
        raise ConfigError(f"picture quality must be from 1 to 100, got {quality}")
    settings: dict[str, dict[str, Any]] = {
        "png": {"compress_level": 4},
        "jpeg": {
            "quality": quality,
            "subsampling": "4:4:4" if quality >= _FULL_CHROMA_QUALITY else "4:2:0",
        },
        "webp": {"quality": quality, "method": 4},
    }
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format=format.upper(), **settings[format])
    return buffer.getvalue()
