"""What can be said of a look's picture in plain words: its colours, light, contrast and detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images.resize import resize_longest

MEASURED: Final = ("light", "colour", "warmth", "contrast", "detail")
"""Order of what `measure_look` returns."""
TRAITS: Final = {
    "light": ("dark", "light"),
    "colour": ("muted", "colourful"),
    "warmth": ("cool", "warm"),
    "contrast": ("soft", "bold"),
    "detail": ("calm", "busy"),
}
"""What is said of the lowest and the highest third of looks, by what was measured."""

_SIDE_PX: Final = 160
# Hues of CIELAB in degrees, each the middle of its colour.
_HUES: Final = {
    "pink": 0.0, "red": 32.0, "orange": 62.0, "yellow": 95.0, "green": 145.0, "teal": 200.0,
    "blue": 285.0, "purple": 330.0,
}  # fmt: skip
_LEAST_CHROMA: Final = 14.0
_LEAST_SHARE: Final = 0.14
_WHITE_L: Final = 88.0
_BLACK_L: Final = 18.0


def measure_look(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Figures of a picture uint8 (h, w, 3), float64 (5,), in the order of `MEASURED`.

    Mean lightness and chroma of CIELAB, how far colours lean from blue to orange, the spread of
    lightness, and the mean change of lightness between pixels at 160 px.
    """
    lab = _lab(picture)
    light, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    change = np.abs(np.diff(light, axis=0)).mean() + np.abs(np.diff(light, axis=1)).mean()
    lean = (a * np.cos(np.deg2rad(60.0)) + b * np.sin(np.deg2rad(60.0))).mean()
    return np.array([light.mean(), np.hypot(a, b).mean(), lean, light.std(), change], np.float64)


def colour_words(picture: NDArray[np.uint8]) -> list[str]:
    """Names of colours that cover at least 14 % of a picture uint8 (h, w, 3), the largest first."""
    lab = _lab(picture).reshape(-1, 3)
    light, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    hue = np.rad2deg(np.arctan2(lab[:, 2], lab[:, 1]))
    names = np.array(list(_HUES))
    apart = np.abs((hue[:, None] - np.array(list(_HUES.values())) + 180.0) % 360.0 - 180.0)
    named = names[apart.argmin(axis=1)].astype(object)
    named[(named == "orange") & (light < 55.0)] = "brown"
    plain = chroma < _LEAST_CHROMA
    named[plain] = "grey"
    named[plain & (light > _WHITE_L)] = "white"
    named[(chroma < 2 * _LEAST_CHROMA) & (light < _BLACK_L)] = "black"
    found, counts = np.unique(named.astype(str), return_counts=True)
    shares = dict(zip(found.tolist(), (counts / len(named)).tolist(), strict=True))
    return sorted((n for n in shares if shares[n] >= _LEAST_SHARE), key=lambda n: (-shares[n], n))


def trait_words(figures: NDArray[np.float64]) -> list[list[str]]:
    """For each row of `figures` (looks, 5): the words for what it has least or most of all looks.

    A word is said of the lowest, or the highest, third of them.
    """
    if not len(figures):
        return []
    ranks = figures.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    share = (ranks + 0.5) / len(figures)
    words: list[list[str]] = []
    for row in share:
        said: Sequence[tuple[str, float]] = list(zip(MEASURED, row.tolist(), strict=True))
        words.append([TRAITS[name][int(at > 0.5)] for name, at in said if at < 1 / 3 or at > 2 / 3])
    return words


def _lab(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = resize_longest(picture, _SIDE_PX).astype(np.float32) / np.float32(255.0)
    lab: NDArray[np.float32] = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    return lab
