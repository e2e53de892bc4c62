"""Mean-field segmentation: a location prior, the two sides' colours, and edge-aware smoothing.

Kraehenbuehl and Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge
Potentials" (NeurIPS 2011), with their bilateral filter replaced by the guided filter and colour
models re-estimated at every step as in GrabCut (Rother, Kolmogorov and Blake 2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from features.matting.guided_filter import GuidedFilter


@dataclass(frozen=True)
class MeanFieldConfig:
    """Weights of the three terms, in log-odds, and the shape of the smoothing.

    `smoothing` is the most that unanimous neighbours add; `radius_px` and `epsilon` are the guided
    filter's; one colour never adds more than `max_colour`.
    """

    prior: float = 0.5
    colour: float = 1.0
    smoothing: float = 3.0
    max_colour: float = 4.0
    steps: int = 5
    radius_px: int = 5
    epsilon: float = 2e-3


_BINS: Final = 16
_RARE: Final = 1e-5
# Keeps a trace of each side's colours everywhere, so that a mask can grow back.
_DOUBT: Final = 0.02


def mean_field(
    picture: NDArray[np.uint8],
    lab: NDArray[np.float32],
    log_odds: NDArray[np.float32],
    config: MeanFieldConfig,
) -> NDArray[np.float32]:
    """Probability (h, w) float32 of product for each pixel of `picture` (h, w, 3) uint8.

    `lab` is its CIE Lab (h, w, 3), `log_odds` (h, w) where the product is before its colours have
    been looked at. Deterministic.
    """
    smooth = GuidedFilter(
        picture.astype(np.float32) / np.float32(255.0), config.radius_px, config.epsilon
    )
    colours = _colour_bins(lab)
    prior = config.prior * log_odds
    product = sigmoid(prior)
    for _ in range(config.steps):
        ratio = _colour_log_ratio(colours, np.clip(product, _DOUBT, 1 - _DOUBT))
        product = sigmoid(
            prior
            + config.colour * np.clip(ratio, -config.max_colour, config.max_colour)
            + config.smoothing * (2 * smooth(product) - 1)
        )
    return product


def sigmoid(log_odds: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of log-odds, float32; finite for any input."""
    probability: NDArray[np.float32] = (1 / (1 + np.exp(-np.clip(log_odds, -15, 15)))).astype(
        np.float32
    )
    return probability


def _colour_bins(lab: NDArray[np.float32]) -> NDArray[np.int64]:
    """Bin (h, w) of each colour: 16 steps of L, and 16 of a and b between -64 and 64."""
    lightness = lab[..., 0] * (_BINS / 100.0)
    chroma = (lab[..., 1:] + 64.0) / (128.0 / _BINS)
    bins = np.dstack([lightness, chroma]).astype(np.int64).clip(0, _BINS - 1)
    flat: NDArray[np.int64] = (bins[..., 0] * _BINS + bins[..., 1]) * _BINS + bins[..., 2]
    return flat


def _colour_log_ratio(bins: NDArray[np.int64], product: NDArray[np.float32]) -> NDArray[np.float32]:
    """log p(colour | product) - log p(colour | surroundings) of each pixel, float32."""
    sides = []
    for weight in (product, 1 - product):
        counts = np.bincount(bins.ravel(), weight.ravel(), minlength=_BINS**3)
        density = gaussian_filter(counts.reshape(_BINS, _BINS, _BINS), 1.0, mode="constant")
        sides.append(np.log(density / density.sum() + _RARE))
    ratio: NDArray[np.float32] = (sides[0] - sides[1]).astype(np.float32).ravel()[bins]
    return ratio
