"""JPEG files whose end is missing: how much of the picture they still hold."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_END: Final = b"\xff\xd9"
# Data in place of what is missing: enough for any 5 % of a picture, and free of markers.
_FILLER_BYTES: Final = 1 << 16
_MOST_MISSING: Final = 0.05
_ZEROS: Final = 16


def complete_jpeg(data: bytes) -> tuple[bytes, float]:
    """A truncated JPEG file with an end, and the share of its pixels that are missing.

    Browsers show such a file, with a flat colour where the data ends. The share, in 0..1, is that
    of the pixels that change when other data follow in place of the end. Raises ValueError when it
    is over 5 %, and whatever PIL raises for a file that cannot be decoded either way.
    """
    # What preallocating downloads and broken cameras leave: nothing, or a tail of zeros.
    kept = data.rstrip(b"\0").rstrip(b"\xff")
    noise = np.random.default_rng(0).integers(0, 255, _FILLER_BYTES).astype(np.uint8)
    ended = kept + _END
    changed = (_pixels(ended) != _pixels(kept + noise.tobytes() + _END)).any(axis=-1)
    missing = float(changed.mean())
    if missing > _MOST_MISSING:
        raise ValueError(f"{100 * missing:.0f} % of its pixels are missing")
    return ended, missing


def has_zero_tail(data: bytes) -> bool:
    """Whether a JPEG file ends in zeros that are no part of it: they would be read as pixels."""
    kept = data.rstrip(b"\0")
    return len(data) - len(kept) >= _ZEROS and not kept.endswith(_END)


def _pixels(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        image.load()
        return np.asarray(image.convert("RGB"))
