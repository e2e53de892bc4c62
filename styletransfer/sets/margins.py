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
_EDGE: Final = 8.0


def within_margins(look: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Rows and columns of a picture (h, w, 3) uint8 without its plain margins.

    Each is up to 12 % of its side. From every side 1.5 % are cut in any case: photos of canvases
    show their edge there. A picture that is plain all over keeps the rest. Raises ContractError for
    another array.
    """
    require_picture(look)
    small = resize_longest(look, _LONGEST_PX)
    lab = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    top, bottom = _cuts(lab)
    left, right = _cuts(lab.transpose(1, 0, 2))
    height, width = look.shape[:2]
    return (
        slice(round(top * height), height - round(bottom * height)),
        slice(round(left * width), width - round(right * width)),
    )


def _cuts(lab: NDArray[np.float32]) -> tuple[float, float]:
    """Shares to cut off the first and the last end of the rows of (h, w, 3) Lab."""
    # The ends of a line lie in the margins of the other sides, and those may differ.
    inset = round(_MOST * lab.shape[1])
    inner = lab[:, inset : lab.shape[1] - inset]
    plain = inner.std(axis=1).sum(axis=1) < _PLAIN
    colours = inner.mean(axis=1)
    return _cut(plain, colours), _cut(plain[::-1], colours[::-1])


def _cut(plain: NDArray[np.bool_], colours: NDArray[np.float32]) -> float:
    margin = int(np.argmin(np.append(plain, False)))
    # A plain part of the picture itself, a sky, ends softly or goes on.
    if not 0 < margin <= _MOST * len(plain):
        return _ALWAYS
    before, after = colours[max(margin - 2, 0)], colours[min(margin + 2, len(plain) - 1)]
    edge = float(np.linalg.norm(after - before)) >= _EDGE
    # One line more, where the margin's edge is blurred.
    return _ALWAYS + (margin + 1) / len(plain) if edge else _ALWAYS
