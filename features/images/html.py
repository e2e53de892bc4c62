"""A picture inside an HTML text, for notebooks."""

from __future__ import annotations

import base64
from html import escape

import numpy as np
from numpy.typing import NDArray

from features.images.encode import encode
from features.images.resize import resize_longest


def img_tag(picture: NDArray[np.uint8], alt: str, longest_px: int = 256) -> str:
    """An `<img>` that holds `picture`, (h, w, 3) uint8 sRGB, at most `longest_px` on a side.

    `alt` is any text: it is escaped.
    """
    small = resize_longest(picture, min(longest_px, max(picture.shape[:2])))
    data = base64.b64encode(encode(small, "jpeg", 85)).decode("ascii")
    return f'<img alt="{escape(alt)}" src="data:image/jpeg;base64,{data}">'
