"""Whether a mask that came with a photo fits what is seen in the photo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.matting.confidence import iou

# Overlap with the photo's own estimate from which on a given mask is believed, where the estimate
# is trusted and where it is not: see `python -m benchmarks.given_masks`.
_AGREES: Final = 0.7
_AGREES_WITH_DOUBT: Final = 0.5
# Another reading of the file is taken when it fits better by this much.
_BETTER: Final = 0.1
# A person, or another part of what stands in front, that a mask leaves out, as a share of it.
_LEFT_OUT: Final = 0.15


class Reading(NamedTuple):
    """The reading of a given mask that fits a photo best.

    `values` uint8 (h, w), 255 on the product; `overlap` in 0..1 its IoU with the estimate; whether
    it was `inverted`; `left_out` what of the estimate it leaves out, as a share of it.
    """

    values: NDArray[np.uint8]
    overlap: float
    inverted: bool
    left_out: float

    def agrees(self, trusted: bool) -> bool:
        """Whether the mask and the estimate, `trusted` or not, show the same product."""
        return self.overlap >= (_AGREES if trusted else _AGREES_WITH_DOUBT)

    @property
    def leaves_foreground(self) -> bool:
        """Whether much of what the estimate holds for foreground is outside of the mask."""
        return self.left_out > _LEFT_OUT


def fit_reading(readings: Sequence[NDArray[np.uint8]], seen: NDArray[np.bool_]) -> Reading:
    """The reading of a mask that fits `seen` (h, w) best: one of `readings`, or one inverted.

    `readings` are uint8 (h, w), the likeliest first, at least one: another is taken where it fits
    clearly better, and an inverted one only where it agrees while the mask as it is does not.
    """
    fits = [iou(one >= 128, seen) for one in readings]
    first = max(range(len(fits)), key=lambda place: fits[place] + _BETTER * (place == 0))
    values, overlap = readings[first], fits[first]
    backwards = [iou(one < 128, seen) for one in readings]
    other = max(range(len(backwards)), key=backwards.__getitem__)
    inverted = overlap < _AGREES_WITH_DOUBT and backwards[other] >= _AGREES
    if inverted:
        values, overlap = np.asarray(255 - readings[other], dtype=np.uint8), backwards[other]
    left_out = float((seen & (values < 128)).sum()) / max(float(seen.sum()), 1.0)
    return Reading(values, overlap, inverted, left_out)
