"""Border statistics: pixels unlike the picture's frame, near its middle, are product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class BorderConfig:
    """`band` is the frame's thickness as a share of the shorter side, `clusters` its colours.

    A colour holding less than `min_share` of the frame is dropped: a sleeve that leaves the
    picture must not count as background. `spread_floor` is in Lab units (L in 0..100);
    `sure_distance`, in spreads, is where a colour clearly differs; `centre_spread` is the centre
    prior's standard deviation as a share of each side.
    """

    band: float = 0.05
    clusters: int = 5
    min_share: float = 0.08
    spread_floor: float = 4.0
    sure_distance: float = 3.0
    centre_spread: float = 0.32


# What is left of the colours' evidence in the far corners, and the odds' bounds.
_CORNER_SHARE: Final = 0.3
_CERTAINTY: Final = 0.98


def to_lab(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIE Lab (h, w, 3) float32 of an sRGB picture: L in 0..100, a and b in about -100..100."""
    scaled = picture.astype(np.float32) / np.float32(255.0)
    lab: NDArray[np.float32] = cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB)
    return lab


def frame(shape: tuple[int, int], band: float) -> NDArray[np.bool_]:
    """True in a frame of `band` x the shorter side (at least one pixel) along the edges."""
    thickness = max(round(min(shape) * band), 1)
    inside = np.ones(shape, dtype=bool)
    inside[thickness:-thickness, thickness:-thickness] = False
    return inside


def border_log_odds(lab: NDArray[np.float32], config: BorderConfig) -> NDArray[np.float32]:
    """Log-odds (h, w) float32 of product, from the frame's colours and a centre prior."""
    height, width = lab.shape[:2]
    unlike = 1.0 - np.exp(-0.5 * (border_distance(lab, config) / config.sure_distance) ** 2)
    rows, columns = (np.linspace(-0.5, 0.5, n, dtype=np.float32) for n in (height, width))
    centre = np.exp(-0.5 * (rows[:, None] ** 2 + columns**2) / config.centre_spread**2)
    product = unlike * (_CORNER_SHARE + (1 - _CORNER_SHARE) * centre)
    product = np.clip(product, 1 - _CERTAINTY, _CERTAINTY)
    log_odds: NDArray[np.float32] = np.log(product / (1 - product)).astype(np.float32)
    return log_odds


def border_distance(lab: NDArray[np.float32], config: BorderConfig) -> NDArray[np.float32]:
    """Distance (h, w) float32, >= 0, in spreads of the nearest colour of the frame.

    The frame's colours are clustered by k-means in Lab; a pixel at one spread from a cluster's
    centre has distance 1. Deterministic.
    """
    edge = np.ascontiguousarray(lab[frame(lab.shape[:2], config.band)])
    n_clusters = min(config.clusters, len(edge))
    cv2.setRNGSeed(0)  # OpenCV's k-means draws from a generator of its own
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 0.5)
    _, labels, centres = cv2.kmeans(edge, n_clusters, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    labels = labels.ravel()
    shares = np.bincount(labels, minlength=n_clusters) / len(edge)
    nearest = np.full(lab.shape[:2], np.inf, dtype=np.float32)
    for cluster in np.flatnonzero(shares >= min(config.min_share, shares.max())):
        deviation = edge[labels == cluster] - centres[cluster]
        spread = max(float(np.sqrt((deviation**2).sum(axis=1).mean())), config.spread_floor)
        distance = np.sqrt(((lab - centres[cluster]) ** 2).sum(axis=2)) / spread
        np.minimum(nearest, distance.astype(np.float32), out=nearest)
    return nearest
