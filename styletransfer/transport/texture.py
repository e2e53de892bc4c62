"""A Gaussian texture with the spectrum of a look's brushwork.

Galerne, Gousseau and Morel 2011, "Random phase textures: theory and synthesis": white noise
convolved with a sample has the sample's autocorrelation, and none of its objects.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Beyond so many deviations detail is an edge of something painted, not the painting's surface.
_EDGE_DEVIATIONS = 2.5
_DEVIATION_OF_MEDIAN = 1.4826


def micro_texture(
    plane: NDArray[np.float32], height: int, width: int, coarsest_px: float, seed: int
) -> NDArray[np.float32]:
    """Noise with the fine structure of `plane` (h', w') -> float32 (height, width), mean zero.

    `coarsest_px` is the blur beyond which structure is left out. The deviation is that of the
    plane's quieter half, in its units, so a few hard edges on a smooth ground add no grain.
    """
    detail = plane - cv2.GaussianBlur(plane, (0, 0), max(coarsest_px, 0.5))
    deviation = _DEVIATION_OF_MEDIAN * float(np.median(np.abs(detail)))
    if deviation == 0.0:
        return np.zeros((height, width), dtype=np.float32)
    limit = _EDGE_DEVIATIONS * deviation
    surface = np.clip(detail[:height, :width], -limit, limit)
    # Faded at its borders, where the periodic spectrum would see a cross.
    surface = surface * np.outer(*(np.hanning(side + 2)[1:-1] for side in surface.shape))
    noise = np.random.default_rng(seed).standard_normal((height, width))
    spectrum = np.fft.rfft2(noise) * np.fft.rfft2(surface, s=(height, width))
    spectrum[0, 0] = 0.0
    texture = np.fft.irfft2(spectrum, s=(height, width))
    spread = texture.std()
    return np.asarray(texture * (deviation / spread if spread > 0 else 0.0), dtype=np.float32)
