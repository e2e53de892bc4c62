"""Several guesses of where the product is, and the score that picks among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.matting.border import BorderConfig, border_distance, frame, to_lab


@dataclass(frozen=True)
class SegmentConfig:
    """`size_px` is the longest side at which pictures are segmented.

    `iterations` are GrabCut's; `centre_spread` is the centre prior's standard deviation as a
    share of each side; `sure_distance` (spreads of the border's colours) marks certain product.
    """

    size_px: int = 160
    iterations: int = 2
    centre_spread: float = 0.32
    sure_distance: float = 3.0
    border: BorderConfig = field(default_factory=BorderConfig)


# Below this a picture is all frame.
_MIN_SIDE_PX: Final = 12


class Hypothesis(NamedTuple):
    """One guess: its binary mask (h, w) bool and its score, higher is better."""

    mask: NDArray[np.bool_]
    score: float


def hypotheses(picture: NDArray[np.uint8], config: SegmentConfig) -> list[Hypothesis]:
    """Guesses for a picture (h, w, 3) uint8 already at working size, best first.

    GrabCut (Rother et al. 2004) is started from the colours' distance to the border's, from that
    distance weighed by a centre prior, and from the centre prior alone.
    """
    if min(picture.shape[:2]) < _MIN_SIDE_PX:
        return []
    lab = to_lab(picture)
    distance = border_distance(lab, config.border)
    centre = centre_prior(distance.shape, config.centre_spread)
    unlike_border = 1.0 - np.exp(-0.5 * (distance / config.sure_distance) ** 2)
    priors = (unlike_border, unlike_border * centre, centre)
    found = []
    for prior in priors:
        mask = _grabcut(picture, prior.astype(np.float32), config)
        if mask.any() and not mask.all():
            found.append(Hypothesis(mask, score(mask, lab, unlike_border * centre)))
    return sorted(found, key=lambda guess: -guess.score)


def centre_prior(shape: tuple[int, ...], spread: float) -> NDArray[np.float32]:
    """Gaussian (h, w) float32 in 0..1 with its peak in the middle; `spread` in sides."""
    rows, columns = (np.linspace(-0.5, 0.5, n, dtype=np.float32) for n in shape[:2])
    prior: NDArray[np.float32] = np.exp(-0.5 * (rows[:, None] ** 2 + columns**2) / spread**2)
    return prior.astype(np.float32)


def _grabcut(
    picture: NDArray[np.uint8], prior: NDArray[np.float32], config: SegmentConfig
) -> NDArray[np.bool_]:
    threshold = _otsu(prior)
    seeds = np.where(prior > threshold, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    edge = frame(seeds.shape, config.border.band / 2)
    seeds[edge & (prior <= threshold)] = cv2.GC_BGD
    if not (seeds == cv2.GC_PR_FGD).any() or (seeds == cv2.GC_PR_FGD).all():
        return np.zeros(seeds.shape, dtype=bool)
    cv2.setRNGSeed(0)  # GrabCut's colour models start from OpenCV's own generator
    empty = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, seeds, None, *empty, config.iterations, cv2.GC_INIT_WITH_MASK)
    return tidy((seeds == cv2.GC_PR_FGD) | (seeds == cv2.GC_FGD))


def _otsu(prior: NDArray[np.float32]) -> float:
    levels = np.round(255 * prior / max(float(prior.max()), 1e-6)).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return float(threshold) / 255 * float(prior.max())


def tidy(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop specks and fill pin-holes: parts below 4 % of the largest, holes below 0.4 % of it."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    largest = int(areas.max())
    kept = (areas >= 0.04 * largest)[labels] & mask
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8))
    pin_holes = stats[:, cv2.CC_STAT_AREA] < 0.004 * largest
    pin_holes[0] = False
    tidied: NDArray[np.bool_] = kept | pin_holes[labels]
    return tidied


def score(mask: NDArray[np.bool_], lab: NDArray[np.float32], prior: NDArray[np.float32]) -> float:
    """How product-like a mask is: contrast along its outline, agreement with the prior, centring.

    Rises with the colour step across the outline and with the share of the prior's mass inside
    the mask over the mask's share of the picture; falls with the share of the frame it touches.
    """
    touch = float(mask[frame(mask.shape, 0.02)].mean())
    gain = float(prior[mask].mean() - prior[~mask].mean())
    return min(outline_contrast(mask, lab) / 20.0, 1.0) + 2.0 * gain - 1.5 * touch


def outline_contrast(mask: NDArray[np.bool_], lab: NDArray[np.float32]) -> float:
    """Mean Lab step across the mask's outline, in Lab units; 0 for a mask without outline."""
    kernel = np.ones((5, 5), np.uint8)
    solid = mask.astype(np.uint8)
    outline = cv2.morphologyEx(solid, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    if not outline.any():
        return 0.0
    inside = _local_mean(lab, cv2.erode(solid, np.ones((3, 3), np.uint8)), kernel.shape[0] + 2)
    outside = _local_mean(lab, 1 - cv2.dilate(solid, np.ones((3, 3), np.uint8)), 7)
    step = np.sqrt(((inside - outside) ** 2).sum(axis=2))
    return float(step[outline].mean())


def _local_mean(
    lab: NDArray[np.float32], region: NDArray[np.uint8], window_px: int
) -> NDArray[np.float32]:
    weight = region.astype(np.float32)
    total = cv2.blur(lab * weight[..., None], (window_px, window_px))
    count = cv2.blur(weight, (window_px, window_px))
    mean: NDArray[np.float32] = total / np.maximum(count, 1e-3)[..., None]
    return mean
