"""Several guesses of where the product is, and the score that picks among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.matting.border import BorderConfig, border_log_odds, to_lab
from features.matting.mean_field import MeanFieldConfig, mean_field, sigmoid


@dataclass(frozen=True)
class SegmentConfig:
    """How a picture of at most `size_px` on its longer side is segmented.

    GrabCut runs `cut_iterations` times; it may not change pixels whose prior probability is beyond
    `cut_sure` (product) or 1 - `cut_sure` (surroundings). `border_share` is the border's part in
    the guess that mixes it with the product prior.
    """

    size_px: int = 160
    cut_iterations: int = 3
    cut_sure: float = 0.95
    border_share: float = 0.5
    border: BorderConfig = field(default_factory=BorderConfig)
    mean_field: MeanFieldConfig = field(default_factory=MeanFieldConfig)


# Below this a picture is all frame.
_MIN_SIDE_PX: Final = 12
# The weight of an outline of at least _STRONG times the picture's mean gradient, against overlap.
_OUTLINE_WEIGHT: Final = 0.3
_STRONG: Final = 4.0


class Hypothesis(NamedTuple):
    """One guess: mask (h, w) bool, overlap with the prior in 0..1, and score, higher is better."""

    mask: NDArray[np.bool_]
    overlap: float
    score: float


def hypotheses(
    picture: NDArray[np.uint8], log_odds: NDArray[np.float32], config: SegmentConfig
) -> list[Hypothesis]:
    """Guesses for `picture` (h, w, 3) uint8, best first; none for a picture of a few pixels.

    `log_odds` (any size) is the product prior. The guesses: a mean field over the prior, one over
    the prior and the border's colours, and GrabCut over the prior. Empty ones are dropped.
    """
    height, width = picture.shape[:2]
    if min(height, width) < _MIN_SIDE_PX:
        return []
    lab = to_lab(picture)
    prior = cv2.resize(log_odds, (width, height), interpolation=cv2.INTER_LINEAR)
    share = config.border_share
    mixed = (1 - share) * prior + share * border_log_odds(lab, config.border)
    masks = (
        mean_field(picture, lab, prior, config.mean_field) > 0.5,
        _cut(picture, prior, config),
        mean_field(picture, lab, mixed, config.mean_field) > 0.5,
    )
    found = [judge(tidy(mask), picture, prior) for mask in masks if mask.any()]
    return sorted(found, key=lambda guess: -guess.score)


def _cut(
    picture: NDArray[np.uint8], log_odds: NDArray[np.float32], config: SegmentConfig
) -> NDArray[np.bool_]:
    """GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004) from the prior."""
    sure = float(np.log(config.cut_sure / (1 - config.cut_sure)))
    seeds = np.where(log_odds > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    seeds[log_odds > sure] = cv2.GC_FGD
    seeds[log_odds < -sure] = cv2.GC_BGD
    if (log_odds > 0).any() and (log_odds <= 0).any():
        cv2.setRNGSeed(0)  # GrabCut's colour models start from OpenCV's own generator
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(picture, seeds, None, *models, config.cut_iterations, cv2.GC_INIT_WITH_MASK)
    product: NDArray[np.bool_] = (seeds == cv2.GC_PR_FGD) | (seeds == cv2.GC_FGD)
    return product


def tidy(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop specks and fill pin-holes: parts below 4 % of the largest, holes below 0.4 % of it."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    largest = int(areas.max())
    kept = (areas >= 0.04 * largest)[labels] & mask
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8))
    pin_holes = stats[:, cv2.CC_STAT_AREA] < 0.004 * largest
    pin_holes[0] = False
    tidied: NDArray[np.bool_] = kept | pin_holes[labels]
    return tidied


def judge(
    mask: NDArray[np.bool_], picture: NDArray[np.uint8], log_odds: NDArray[np.float32]
) -> Hypothesis:
    """The score of a `mask` (h, w) of `picture` (h, w, 3): overlap, plus a strong outline."""
    size = mask.shape[::-1]
    expected = sigmoid(cv2.resize(log_odds, size, interpolation=cv2.INTER_LINEAR))
    overlap = float(expected[mask].sum() / (mask.sum() + expected[~mask].sum()))
    gradient = _gradient(to_lab(picture))
    outline = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
    strength = 0.0
    if outline.any():
        strength = float(gradient[outline].mean() / (gradient.mean() + 1e-6)) / _STRONG
    return Hypothesis(mask, overlap, overlap + _OUTLINE_WEIGHT * min(strength, 1.0))


def _gradient(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Length (h, w) of the Lab gradient by Sobel, over the three channels together."""
    columns = cv2.Sobel(lab, cv2.CV_32F, 1, 0)
    rows = cv2.Sobel(lab, cv2.CV_32F, 0, 1)
    length: NDArray[np.float32] = np.sqrt((columns**2 + rows**2).sum(axis=2))
    return length
