"""Distance of palettes: sliced Wasserstein between the pixels' colours in CIE Lab."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from styletransfer.colour import to_lab

_SAMPLES: Final = 2048
_PROJECTIONS: Final = 32


class LookColours:
    """A look's colours, to measure how far pictures' are from them.

    Mean over fixed random lines through Lab of the 1-Wasserstein distance between the colours'
    shadows on the line (Bonneel et al. 2015, "Sliced and Radon Wasserstein barycenters of
    measures"). In Lab units; both sides are brought to the same number of pixels, drawn evenly.
    """

    def __init__(self, look: NDArray[np.uint8], seed: int = 0) -> None:
        """`look` (h, w, 3) uint8 sRGB, the picture that defines the look."""
        rng = np.random.default_rng(seed)
        lines = rng.standard_normal((_PROJECTIONS, 3))
        lines /= np.linalg.norm(lines, axis=1, keepdims=True)
        self._lines = lines.astype(np.float32)
        self._jitter = rng.random(_SAMPLES)
        self._sorted = self._shadows(look.reshape(-1, 3))

    def distance(self, picture: NDArray[np.uint8], where: NDArray[np.bool_] | None = None) -> float:
        """Distance in Lab units, >= 0, of a picture (h, w, 3) uint8; of the pixels `where` only.

        0 for the look itself, and for a picture without any pixel `where`.
        """
        pixels = picture.reshape(-1, 3)
        if where is None:
            return float(np.abs(self._shadows(pixels) - self._sorted).mean())
        chosen = np.flatnonzero(where)
        if not chosen.size:
            return 0.0
        return float(np.abs(self._shadows(pixels, chosen) - self._sorted).mean())

    def _shadows(
        self, pixels: NDArray[np.uint8], chosen: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """The pixels' sorted places on each line, (lines, samples)."""
        count = len(pixels) if chosen is None else len(chosen)
        drawn = ((np.arange(_SAMPLES) + self._jitter) * (count / _SAMPLES)).astype(np.int64)
        shadows = self._lines @ to_lab(pixels[drawn if chosen is None else chosen[drawn]]).T
        shadows.sort(axis=1)
        return np.asarray(shadows, dtype=np.float32)
