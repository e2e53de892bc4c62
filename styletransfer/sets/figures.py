"""What a set leaves out of its look: faces, and the subject that a picture is about."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade

from features.images import require_picture, resize_longest
from features.matting.prior import product_log_odds

_LONGEST_PX: Final = 448
_LEAST_FACE_PX: Final = 24
_FACE_STEP: Final = 1.2

# A face's figure reaches so many of its widths to the sides, up and down.
_BESIDE: Final = 1.5
_ABOVE: Final = 0.6
_BELOW: Final = 6.0

_SALIENT: Final = 1.0
_MOST: Final = 0.38


def find_figures(look: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a look's picture (h, w, 3) uint8 shows a face, a figure or a salient subject: (h, w).

    Faces are found by local binary patterns (Liao et al. 2007, the cascade of scikit-image), what
    is salient by the network that finds products in photos. What would take more than a third of
    the picture is the scene, not a subject in it: then only figures with a face count, or only
    faces, or nothing.
    Raises InputError for another array, WeightsError where the network's weights are missing.
    """
    require_picture(look)
    small = resize_longest(look, _LONGEST_PX)
    height, width = small.shape[:2]
    log_odds = cv2.resize(product_log_odds(small), (width, height), interpolation=cv2.INTER_LINEAR)
    salient = log_odds > _SALIENT
    faces, bodies = np.zeros_like(salient), np.zeros_like(salient)
    for top, left, side in find_faces(small):
        _fill(faces, top - 0.2 * side, left - 0.1 * side, top + 1.2 * side, left + 1.1 * side)
        middle, reach = left + side / 2, (0.5 + _BESIDE) * side
        lowest = top + (1 + _BELOW) * side
        _fill(bodies, top - _ABOVE * side, middle - reach, lowest, middle + reach)
    bodies &= log_odds > 0
    options = (salient | bodies | faces, bodies | faces, faces)
    figures = next((each for each in options if each.mean() <= _MOST), np.zeros_like(salient))
    grown = cv2.dilate(figures.astype(np.uint8), np.ones((7, 7), np.uint8))
    size = (look.shape[1], look.shape[0])
    whole: NDArray[np.bool_] = cv2.resize(grown, size, interpolation=cv2.INTER_NEAREST) > 0
    return whole


def find_faces(picture: NDArray[np.uint8]) -> list[tuple[int, int, int]]:
    """Faces seen from the front, as (top, left, side) in pixels of a picture (h, w, 3) uint8."""
    height, width = picture.shape[:2]
    if min(height, width) <= _LEAST_FACE_PX:
        return []
    found = _cascade().detect_multi_scale(
        picture,
        _FACE_STEP,
        1,
        (_LEAST_FACE_PX, _LEAST_FACE_PX),
        (min(height, width), min(height, width)),
    )
    return [(int(face["r"]), int(face["c"]), int(face["width"])) for face in found]


def _fill(mask: NDArray[np.bool_], top: float, left: float, bottom: float, right: float) -> None:
    mask[max(round(top), 0) : max(round(bottom), 0), max(round(left), 0) : max(round(right), 0)] = (
        True
    )


@lru_cache(maxsize=1)
def _cascade() -> Cascade:
    return Cascade(lbp_frontal_face_cascade_filename())
