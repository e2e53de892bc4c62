"""What a set leaves out of its look: people, and their faces above all."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade

from features.images import require_picture, resize_longest
from features.matting.people import foreground_alpha

_LONGEST_PX: Final = 448
_LEAST_FACE_PX: Final = 24
_FACE_STEP: Final = 1.2
# Heads are looked for in the upper part of a figure, in shares of its height.
_HEAD: Final = 0.4
# What may be left out of a picture's area, and what must be left of its contrast in L, a and b.
_MOST: Final = 0.45
_CONTRAST: Final = 0.65
_GROWN: Final = 0.012


def find_figures(look: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a look's picture (h, w, 3) uint8 shows people: (h, w).

    Figures are found by the segmenter of people in photos, which knows painted ones too, faces by
    local binary patterns (Liao et al., "Learning multi-scale block local binary patterns for face
    recognition", 2007, the cascade of scikit-image). Where a picture is little but its figures,
    only their upper parts or only faces count, or nothing. Raises ContractError for another array,
    WeightsError where the network's weights are missing.
    """
    require_picture(look)
    small = resize_longest(look, _LONGEST_PX)
    figures = foreground_alpha(small) > 0.5
    faces = np.zeros_like(figures)
    for top, left, side in _find_faces(small):
        rows = slice(max(round(top - 0.2 * side), 0), round(top + 1.2 * side))
        faces[rows, max(round(left - 0.1 * side), 0) : round(left + 1.1 * side)] = True
    lab = cv2.cvtColor(small.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    for option in (figures | faces, _upper_parts(figures) | faces, faces):
        grown = _grow(option)
        if _spares(grown, lab):
            whole = cv2.resize(
                grown.astype(np.uint8), look.shape[1::-1], interpolation=cv2.INTER_NEAREST
            )
            return np.asarray(whole > 0)
    return np.zeros(look.shape[:2], dtype=bool)


def _grow(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    reach = 2 * round(_GROWN * max(mask.shape)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def _spares(figures: NDArray[np.bool_], lab: NDArray[np.float32]) -> bool:
    """Whether enough of a picture's area, light and colours is left without its figures."""
    left = ~figures
    if left.mean() < 1 - _MOST:
        return False
    return bool((lab[left].std(axis=0) >= _CONTRAST * lab.std(axis=(0, 1))).all())


def _upper_parts(figures: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The upper part of each connected figure."""
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(figures.astype(np.uint8))
    upper = np.zeros_like(figures)
    for label, (_, top, _, height, _) in enumerate(boxes):
        if label:
            rows = slice(top, top + round(_HEAD * height))
            upper[rows] |= labels[rows] == label
    return upper


def _find_faces(picture: NDArray[np.uint8]) -> list[tuple[int, int, int]]:
    """Faces seen from the front, as (top, left, side) in pixels of a picture (h, w, 3) uint8."""
    shorter = min(picture.shape[:2])
    if shorter <= _LEAST_FACE_PX:
        return []
    found = _cascade().detect_multi_scale(
        picture, _FACE_STEP, 1, (_LEAST_FACE_PX, _LEAST_FACE_PX), (shorter, shorter)
    )
    return [(int(face["r"]), int(face["c"]), int(face["width"])) for face in found]


@lru_cache(maxsize=1)
def _cascade() -> Cascade:
    return Cascade(lbp_frontal_face_cascade_filename())
