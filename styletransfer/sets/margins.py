"""The paper or frame around a look, which is no part of its style."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images import require_picture, resize_longest

_LONGEST_PX: Final = 256
_ALWAYS: Final = 0.015
_MOST: Final = 0.12
# A line of a margin varies less than this, in Lab.
_PLAIN: Final = 7.0


def trim_margins(look: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (h, w, 3) uint8 without plain margins, each of up to 12 % of its side.

    From every side 1.5 % are cut in any case: photos of canvases show their edge there. A picture
    that is plain all over keeps the rest. Returns a view. Raises InputError for another array.
    """
    require_picture(look)
    small = resize_longest(look, _LONGEST_PX)
    lab = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    rows, columns = _plain_lines(lab), _plain_lines(lab.transpose(1, 0, 2))
    top, bottom = _cuts(rows)
    left, right = _cuts(columns)
    height, width = look.shape[:2]
    return look[
        round(top * height) : height - round(bottom * height),
        round(left * width) : width - round(right * width),
    ]


def _plain_lines(lab: NDArray[np.float32]) -> NDArray[np.bool_]:
    # The ends of a line lie in the margins of the other sides, and those may differ.
    inset = round(_MOST * lab.shape[1])
    inner = lab[:, inset : lab.shape[1] - inset]
    plain: NDArray[np.bool_] = inner.std(axis=1).sum(axis=1) < _PLAIN
    return plain


def _cuts(plain: NDArray[np.bool_]) -> tuple[float, float]:
    """Shares to cut off the first and the last end of a side."""
    if plain.all():
        return _ALWAYS, _ALWAYS
    most = round(_MOST * len(plain))
    return _cut(plain[:most], len(plain)), _cut(plain[::-1][:most], len(plain))


def _cut(plain: NDArray[np.bool_], length: int) -> float:
    margin = int(np.argmin(np.append(plain, False)))
    # One line more, where the margin's edge is blurred.
    return _ALWAYS + (margin + 1) / length if margin else _ALWAYS
