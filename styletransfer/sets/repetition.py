"""Whether a look's picture is a pattern: joins itself without a seam, alike all over."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images import require_picture, resize_longest

_LONGEST_PX: Final = 128
_SEAM: Final = 1.6
_LEAST_BORDER: Final = 0.4


def is_tile(look: NDArray[np.uint8]) -> bool:
    """Whether copies of a picture (h, w, 3) uint8 laid side by side join without a seam.

    The step across the join is held against the steps between neighbouring lines within the
    picture. A border of one colour joins too, without making a tile: it must vary about as much
    as the picture does. Raises InputError for another array.
    """
    require_picture(look)
    lab = cv2.cvtColor(
        resize_longest(look, _LONGEST_PX).astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB
    )
    return all(_joins(lines) for lines in (lab, lab.transpose(1, 0, 2)))


def _joins(lines: NDArray[np.float32]) -> bool:
    """Whether the last line of (n, m, 3) Lab may be followed by the first."""
    steps = np.abs(np.diff(lines, axis=0)).mean(axis=(1, 2))
    # Across the join the line that is missing is judged too: the picture goes on as it went.
    seam = float(np.abs(lines[0] - lines[-1]).mean())
    usual = float(np.quantile(steps, 0.9))
    border = float(np.concatenate((lines[0], lines[-1])).std(axis=0).sum())
    within = float(np.median(lines.std(axis=1).sum(axis=1)))
    return seam <= _SEAM * usual + 0.5 and border >= _LEAST_BORDER * within
