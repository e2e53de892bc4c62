"""A smooth surface of colour fitted to the ground of a photo: the ground as if nothing stood on it.

Iteratively reweighted least squares (Tukey's biweight as a hard cut) of a polynomial of the place
in each of the Lab channels. A ground's light falls off smoothly; products and shadows are outliers.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

# Lab units: how far from the surface a pixel of the ground may lie while the fit settles.
_TOLERANCES: Final = (14.0, 10.0, 8.0, 6.0, 5.0, 4.0)
_MODE_BIN: Final = 8.0
_SAMPLES: Final = 2500
# Powers of the place down and across of each term.
_DEGREE: Final = 3
_POWERS: Final = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))


class Surface(NamedTuple):
    """Coefficients (terms, 3) float32 of a polynomial in Lab, and its deviation in Lab units."""

    coefficients: NDArray[np.float32]
    noise: float

    def colours(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Lab (h, w, 3) float32 of the surface over a picture of `shape`."""
        down, across = (
            np.linspace(-1, 1, side, dtype=np.float32)[:, None] ** np.arange(_DEGREE + 1)
            for side in shape
        )
        lab = np.empty((*shape, 3), dtype=np.float32)
        for channel in range(3):
            table = np.zeros((_DEGREE + 1, _DEGREE + 1), dtype=np.float32)
            for (i, j), value in zip(_POWERS, self.coefficients[:, channel], strict=False):
                table[i, j] = value
            lab[..., channel] = down @ table @ across.T
        return lab


def fit_border(lab: NDArray[np.float32], edge: NDArray[np.bool_]) -> tuple[Surface, float]:
    """Surface of the commonest colour of the `edge` pixels (h, w), and the share that lies on it.

    `lab` (h, w, 3) float32. The fit starts from the fullest bin of colour and grows along the
    falloff of the light.
    """
    terms = _terms(np.nonzero(edge), lab.shape[:2], 6)
    values = lab[edge]
    bins = np.floor(values / _MODE_BIN).astype(np.int64) + 32
    flat = (bins[:, 0] * 64 + bins[:, 1]) * 64 + bins[:, 2]
    _, inverse, counts = np.unique(flat, return_inverse=True, return_counts=True)
    start = values[inverse == counts.argmax()].mean(axis=0)
    coefficients = np.zeros((6, 3), dtype=np.float32)
    coefficients[0] = start
    inside = np.ones(len(values), dtype=bool)
    for tolerance in _TOLERANCES:
        deviation = np.abs(values - terms @ coefficients).max(axis=1)
        inside = deviation < tolerance
        if inside.sum() < 24:
            return Surface(coefficients, tolerance), 0.0
        coefficients = _solve(terms[inside], values[inside], ridge=1e-2)
    deviation = np.abs(values - terms @ coefficients).max(axis=1)
    return Surface(coefficients, _spread(deviation[inside])), float((deviation < 4.0).mean())


def refit(lab: NDArray[np.float32], ground: NDArray[np.bool_], surface: Surface) -> Surface:
    """The surface fitted anew, of third degree, to the `ground` pixels (h, w) that lie on it."""
    chosen = np.flatnonzero(ground)
    chosen = chosen[:: max(len(chosen) // _SAMPLES, 1)]
    values = lab.reshape(-1, 3)[chosen]
    places = _terms(np.unravel_index(chosen, ground.shape), ground.shape, 10)
    coefficients = np.zeros((10, 3), dtype=np.float32)
    coefficients[: len(surface.coefficients)] = surface.coefficients
    noise = surface.noise
    for _ in range(3):
        deviation = values - places @ coefficients
        # A shadow only darkens: what lies below the surface is cut sooner than what lies above.
        reach = 3.0 * noise + 1.0
        inside = (np.abs(deviation).max(axis=1) < reach) & (deviation[:, 0] > -0.6 * reach)
        if inside.sum() < 60:
            break
        coefficients = _solve(places[inside], values[inside], ridge=1e-1)
        noise = _spread(np.abs(values[inside] - places[inside] @ coefficients).max(axis=1))
    return Surface(coefficients, noise)


def residual(
    lab: NDArray[np.float32], clean: NDArray[np.float32], ground: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """What the surface `clean` misses (h, w, 3) on the `ground` (h, w), smoothed over a tenth."""
    height, width = ground.shape
    size = (max(width // 8, 4), max(height // 8, 4))
    weight = ground.astype(np.float32)
    missed = (lab - clean) * weight[..., None]
    # A shadow darkens by more than the light's falloff leaves over.
    small = cv2.resize(missed, size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    reach = 0.06 * max(size)
    mean = (
        cv2.GaussianBlur(small, (0, 0), reach)
        / (cv2.GaussianBlur(share, (0, 0), reach) + np.float32(0.05))[..., None]
    )
    smooth: NDArray[np.float32] = cv2.resize(mean, (width, height), interpolation=cv2.INTER_LINEAR)
    return smooth


def _spread(deviation: NDArray[np.float32]) -> float:
    return max(float(np.median(deviation)) * 1.48, 0.25)


def _solve(
    terms: NDArray[np.float32], values: NDArray[np.float32], ridge: float
) -> NDArray[np.float32]:
    normal = terms.T @ terms
    penalty = np.full(len(normal), ridge * len(terms) * 1e-2)
    penalty[0] = 0.0
    solved: NDArray[np.float32] = np.linalg.solve(
        normal.astype(np.float64) + np.diag(penalty), (terms.T @ values).astype(np.float64)
    ).astype(np.float32)
    return solved


def _terms(
    places: tuple[NDArray[np.intp], ...], shape: tuple[int, int], count: int
) -> NDArray[np.float32]:
    """Monomials (n, count) of the places, -1 to 1 along each side, lowest degree first."""
    down, across = (
        (2 * place / max(side - 1, 1) - 1).astype(np.float32)
        for place, side in zip(places, shape, strict=True)
    )
    terms = [down**i * across**j for i, j in _POWERS[:count]]
    return np.stack(terms, axis=1)
