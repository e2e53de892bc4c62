"""Confidence that a mask is right, from how the guesses agree and what the mask looks like."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.matting.border import frame
from features.matting.hypotheses import Hypothesis


class Evidence(NamedTuple):
    """What is measured on a mask, each in 0..1.

    `overlap` is the intersection over union expected under the product prior; `agreement` the mean
    intersection over union with the other guesses; `dissent` the lowest of these; `touch` the
    share of the picture's frame that the mask covers.
    """

    overlap: float
    agreement: float
    dissent: float
    touch: float


# Log-odds of an IoU of at least 0.75, fitted by `python -m benchmarks.calibrate_masks`.
_INTERCEPT: Final = -12.04
_WEIGHTS: Final = Evidence(overlap=7.54, agreement=5.83, dissent=4.04, touch=-3.48)


def gather(guesses: list[Hypothesis]) -> Evidence:
    """Evidence for the first of `guesses`, all of which are of one picture."""
    best = guesses[0]
    others = [iou(best.mask, guess.mask) for guess in guesses[1:]] or [0.0]
    return Evidence(
        overlap=best.overlap,
        agreement=float(np.mean(others)),
        dissent=min(others),
        touch=float(best.mask[frame(best.mask.shape, 0.02)].mean()),
    )


def confidence(evidence: Evidence) -> float:
    """Probability in [0, 1] that the mask overlaps the product by an IoU of at least 0.75."""
    logit = _INTERCEPT + float(np.dot(_WEIGHTS, evidence))
    return float(1.0 / (1.0 + np.exp(-logit)))


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks of one shape; 1.0 when both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0
