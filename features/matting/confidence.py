"""Confidence that an estimated mask is right, from how it was found and what it looks like."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.matting.border import frame, to_lab
from features.matting.hypotheses import Hypothesis, outline_contrast


class Evidence(NamedTuple):
    """What is measured on an estimated mask; every number is in 0..1."""

    agreement: float
    contrast: float
    touch: float
    area: float
    compactness: float


# Log-odds of IoU >= 0.75 per unit of each evidence.
_INTERCEPT: Final = -2.0
_WEIGHTS: Final = Evidence(agreement=4.0, contrast=2.0, touch=-4.0, area=0.0, compactness=0.0)


def gather(picture: NDArray[np.uint8], guesses: list[Hypothesis]) -> Evidence:
    """Evidence for the first of `guesses`, which was found in `picture` (h, w, 3) uint8."""
    best = guesses[0].mask
    others = [iou(best, guess.mask) for guess in guesses[1:]]
    area = float(best.mean())
    outline = best & ~_eroded(best)
    return Evidence(
        agreement=float(np.mean(others)) if others else 0.0,
        contrast=min(outline_contrast(best, to_lab(picture)) / 40.0, 1.0),
        touch=float(best[frame(best.shape, 0.02)].mean()),
        area=area,
        compactness=min(4 * np.pi * float(best.sum()) / max(float(outline.sum()), 1.0) ** 2, 1.0),
    )


def confidence(evidence: Evidence) -> float:
    """Probability in [0, 1] that the mask overlaps the product by an IoU of at least 0.75."""
    logit = _INTERCEPT + float(np.dot(_WEIGHTS, evidence))
    return float(1.0 / (1.0 + np.exp(-logit)))


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks of one shape; 1.0 when both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def _eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(mask, 1)
    around = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    eroded: NDArray[np.bool_] = mask & around
    return eroded
