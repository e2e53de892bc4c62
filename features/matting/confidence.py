"""Confidence that a mask is right, from how the guesses agree and what the mask looks like."""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.matting.border import frame
from features.matting.hypotheses import Hypothesis


class Evidence(NamedTuple):
    """What is measured on a mask, each in 0..1.

    `overlap` is the intersection over union expected under the product prior; `agreement` the mean
    intersection over union with the other guesses; `dissent` the lowest of these; `touch` the
    share of the picture's frame that the mask covers; `backed` the share of the mask that the
    foreground network finds too; `missed` what it finds outside, as a share of the mask.
    """

    overlap: float
    agreement: float
    dissent: float
    touch: float
    backed: float
    missed: float


# Log-odds of an IoU of at least 0.75, fitted by `python -m benchmarks.calibrate_masks`.
_INTERCEPT: Final = -12.18
_WEIGHTS: Final = Evidence(
    overlap=8.62, agreement=5.27, dissent=3.34, touch=-3.26, backed=1.18, missed=-4.6
)
# Probability of foreground that leaves no doubt.
_SURE: Final = 0.9


def gather(guesses: list[Hypothesis], foreground: NDArray[np.float32]) -> Evidence:
    """Evidence for the first of `guesses`, all of which are of one picture.

    `foreground` (h, w) float32 is `people.foreground_alpha`, at the guesses' size.
    """
    best = guesses[0]
    others = [iou(best.mask, guess.mask) for guess in guesses[1:]] or [0.0]
    return Evidence(
        overlap=best.overlap,
        agreement=float(np.mean(others)),
        dissent=min(others),
        touch=float(best.mask[frame(best.mask.shape, 0.02)].mean()),
        backed=float(foreground[best.mask].mean()) if best.mask.any() else 0.0,
        missed=missed_foreground(best.mask, foreground),
    )


def missed_foreground(product: NDArray[np.bool_], foreground: NDArray[np.float32]) -> float:
    """Connected sure foreground outside `product` (h, w), as a share of it, at most 1.

    `foreground` (h, w) float32 in 0..1. A rim of a fiftieth of the picture's side is no part.
    """
    width = 2 * round(max(product.shape) / 50) + 1
    rest = ((foreground > _SURE) & ~product).astype(np.uint8)
    rest = cv2.morphologyEx(rest, cv2.MORPH_OPEN, np.ones((width, width), np.uint8))
    return min(float(rest.sum()) / max(float(product.sum()), 1.0), 1.0)


def confidence(evidence: Evidence) -> float:
    """Probability in [0, 1] that the mask overlaps the product by an IoU of at least 0.75."""
    logit = _INTERCEPT + float(np.dot(_WEIGHTS, evidence))
    return float(1.0 / (1.0 + np.exp(-logit)))


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks of one shape; 1.0 when both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0
