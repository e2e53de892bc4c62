"""A photo on a plain ground, taken apart: product, clean ground and shadow.

The ground's clean colour is a smooth surface fitted to the picture's border. A small network tells
product from ground, shadows and reflections by how far the pixels lie from it; the product's edge
is exact because the ground behind it is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images import resize_longest
from features.matting.border import frame, to_lab
from features.matting.ground_net import SIZE_PX, net_log_odds
from features.matting.ground_surface import fit_border, refit, residual
from features.matting.known_ground import matte
from features.matting.mean_field import sigmoid

_BAND: Final = 0.025
# Share of the border that must lie on one surface of colour, and its deviation, Lab units.
_MIN_BORDER: Final = 0.6
_MAX_NOISE: Final = 2.0
# A change of colour within so many rows that is a line, Lab units: a sweep's bend is softer.
_LINE_PX: Final = 4
_LINE: Final = 5.0
_MIN_SIDE_PX: Final = 24
_GROUND: Final = 0.05
_PASSES: Final = 2
_SETTLED: Final = 1.5
# Lab units off the ground that an enclosed hole may lie; specks, at the network's size.
_HOLE: Final = 3.0
_DOUBT: Final = 0.2
_SPECK_PX: Final = 6
_SPECK_SHARE: Final = 0.02
_SPECK_SURE: Final = 0.85
# A ratio of light this near to 1 is the surface's error.
_LIT: Final = 0.97


class PlainEvidence(NamedTuple):
    """What tells whether a plain ground's mask is right.

    `share` of the border that lies on one surface of colour, in 0..1; `noise` its deviation, Lab
    units; `certainty` is -log(1 - the intersection over union that the network expects), in 0..7;
    `touch` the share of the border that is product, in 0..1.
    """

    share: float
    noise: float
    certainty: float
    touch: float


@dataclass(frozen=True)
class PlainGround:
    """A photo taken apart: `alpha` (h, w) float32, 1 product, exactly 0 ground.

    `ground` (h, w, 3) float32 in 0..1 is the sRGB colour of the clean ground everywhere, also under
    the product; `shadow` (h, w) float32 in 0..1 the ratio of light on it (1 is no shadow), in sRGB
    values: the photo's own ground is about `ground` x `shadow`. `confidence` in [0, 1] follows from
    the `evidence`.
    """

    alpha: NDArray[np.float32]
    ground: NDArray[np.float32]
    shadow: NDArray[np.float32]
    confidence: float
    evidence: PlainEvidence


def plain_ground(picture: NDArray[np.uint8]) -> PlainGround | None:
    """Take `picture` (h, w, 3) uint8 sRGB apart; None where its border is not plain.

    Deterministic.
    """
    if min(picture.shape[:2]) < _MIN_SIDE_PX:
        return None
    small = resize_longest(picture, SIZE_PX)
    lab = to_lab(small)
    edge = frame(lab.shape[:2], _BAND)
    surface, share = fit_border(lab, edge)
    shape = lab.shape[:2]
    if share < _MIN_BORDER or surface.noise > _MAX_NOISE or _has_line(lab):
        return None
    noise, clean = surface.noise, surface.colours(shape)
    for _ in range(_PASSES):
        probability = _settle(sigmoid(net_log_odds(lab, clean)), lab - clean, surface.noise)
        ground = probability < _GROUND
        surface = refit(lab, ground, surface)
        guess, clean = clean, surface.colours(shape)
        # The border alone guesses too dark where the light falls off towards a border that the
        # product covers; shadows make it look too light, and are none of the clean ground.
        if (clean - guess)[..., 0].max() < _SETTLED:
            break
    lit = ground & ((lab - clean)[..., 0] > -1.0 - surface.noise)
    clean = clean + residual(lab, clean, lit)
    evidence = gather(probability, share, noise, edge)
    colours = cv2.cvtColor(clean, cv2.COLOR_LAB2RGB).clip(0, 1)
    shadow = _light(small, colours, ground)
    size = picture.shape[1::-1]
    alpha = matte(picture, cv2.resize(probability, size, interpolation=cv2.INTER_LINEAR))
    return PlainGround(
        alpha,
        cv2.resize(colours, size, interpolation=cv2.INTER_LINEAR),
        cv2.resize(shadow, size, interpolation=cv2.INTER_LINEAR),
        confidence(evidence),
        evidence,
    )


def _has_line(lab: NDArray[np.float32]) -> bool:
    """Whether a line runs from the left side to the right one: a floor below a wall."""
    height, width = lab.shape[:2]
    wide = max(round(_BAND * width), 1)
    jumps = []
    for strip in (lab[:, :wide], lab[:, -wide:]):
        profile = strip.mean(axis=1)
        jump = np.abs(profile[_LINE_PX:] - profile[:-_LINE_PX]).max(axis=1)
        near = np.ones(2 * (height // 16) + 1, dtype=np.uint8)
        jumps.append(cv2.dilate(jump[:, None], near[:, None]).ravel())
    return bool(np.minimum(*jumps).max() > _LINE)


# Log-odds of an IoU of at least 0.8, fitted by `python -m benchmarks.calibrate_plain_ground`.
_INTERCEPT: Final = -11.42
_WEIGHTS: Final = PlainEvidence(share=0.84, noise=0.05, certainty=3.98, touch=-0.77)
_LEAST_DOUBT: Final = 1e-3


def confidence(evidence: PlainEvidence) -> float:
    """Probability in [0, 1] that the mask overlaps the product by an IoU of at least 0.8."""
    logit = _INTERCEPT + float(np.dot(_WEIGHTS, evidence))
    return float(1.0 / (1.0 + np.exp(-np.clip(logit, -30, 30))))


def gather(
    probability: NDArray[np.float32], share: float, noise: float, edge: NDArray[np.bool_]
) -> PlainEvidence:
    """Evidence for product where `probability` (h, w) is at least a half; `edge` is the border."""
    product = probability >= 0.5
    # Its own edge is soft in every right mask, and the more of a small product.
    window = np.ones((3, 3), np.uint8)
    rim = cv2.morphologyEx(product.astype(np.uint8), cv2.MORPH_GRADIENT, window) > 0
    doubt = np.minimum(probability, 1 - probability)
    doubt[rim] = 0.0
    size = float(product.sum())
    lost, gained = float(doubt[product].sum()), float(doubt[~product].sum())
    short = (lost + gained) / max(size + gained, 1.0) if size else 1.0
    certainty = -float(np.log(max(short, _LEAST_DOUBT)))
    return PlainEvidence(share, noise, certainty, float(product[edge].mean()))


def _settle(
    probability: NDArray[np.float32], deviation: NDArray[np.float32], noise: float
) -> NDArray[np.float32]:
    """Fill holes that are not the ground's colour, drop specks: (h, w) float32 probabilities."""
    settled = probability.copy()
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (probability < 0.5).astype(np.uint8), connectivity=4
    )
    area = np.maximum(stats[:, cv2.CC_STAT_AREA], 1)
    apart = np.sqrt(np.einsum("ijk,ijk->ij", deviation, deviation))
    mean = np.bincount(labels.ravel(), apart.ravel(), count) / area
    right = stats[:, cv2.CC_STAT_LEFT] + stats[:, cv2.CC_STAT_WIDTH]
    bottom = stats[:, cv2.CC_STAT_TOP] + stats[:, cv2.CC_STAT_HEIGHT]
    enclosed = (stats[:, cv2.CC_STAT_LEFT] > 0) & (stats[:, cv2.CC_STAT_TOP] > 0)
    enclosed &= (right < probability.shape[1]) & (bottom < probability.shape[0])
    doubt = np.bincount(labels.ravel(), probability.ravel(), count) / area
    filled = enclosed & ((mean > _HOLE + 2 * noise) & (doubt > _DOUBT) | (area < _SPECK_PX))
    filled[0] = False
    settled[filled[labels]] = 1.0
    count, labels, stats, _ = cv2.connectedComponentsWithStats((settled >= 0.5).astype(np.uint8))
    area = stats[:, cv2.CC_STAT_AREA].copy()
    area[0] = 0
    sure = np.bincount(labels.ravel(), settled.ravel(), count) / np.maximum(area, 1)
    speck = (area < _SPECK_SHARE * area.max()) & (sure < _SPECK_SURE) | (area < _SPECK_PX)
    speck[0] = False
    settled[cv2.dilate(speck[labels].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0] = 0.0
    return settled


def _light(
    picture: NDArray[np.uint8], clean: NDArray[np.float32], ground: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Ratio of light (h, w) on the ground; under the product, that of the ground nearby."""
    luma = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    ratio = (picture @ luma) / np.maximum(255 * (clean @ luma), 1.0)
    ratio[ratio > _LIT] = 1.0
    weight = cv2.erode(ground.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    total, mean = np.full_like(weight, 1e-7), np.full_like(weight, 1e-7)
    for reach_px, share in ((0.8, 1.0), (3.0, 1e-2), (12.0, 1e-4)):
        total += share * cv2.GaussianBlur(weight, (0, 0), reach_px)
        mean += share * cv2.GaussianBlur(weight * ratio, (0, 0), reach_px)
    light: NDArray[np.float32] = (mean / total).clip(0, 1)
    return light
