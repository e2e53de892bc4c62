"""Photos repaired before they are painted, as far as the product's colours allow."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.images import enhance, require_picture
from styletransfer.colour import delta_e_2000, to_lab

MAX_DELTA_E: Final = 1.0
"""Mean CIEDE2000 that a repair may cost the product: what is just seen side by side."""
_COLOURS: Final = 4000
_STEPS: Final = 7


class Enhanced(NamedTuple):
    """A repaired photo, uint8 (h, w, 3).

    `amount` in 0..1 is the share of the repair that was made and `delta_e` what it cost the
    product, mean CIEDE2000.
    """

    picture: NDArray[np.uint8]
    amount: float
    delta_e: float


def enhance_within(
    picture: NDArray[np.uint8], alpha: NDArray[np.float32], max_delta_e: float = MAX_DELTA_E
) -> Enhanced:
    """Repair noise, colour cast, flat tones and softness of a photo, bounded on its product.

    `picture` is uint8 (h, w, 3) sRGB, `alpha` float32 (h, w) the product where >= 0.5; a mask
    without product bounds the whole picture. One amount holds for the whole photo, so that its
    light stays one light: the largest that keeps the product within `max_delta_e`.
    """
    require_picture(picture)
    repaired = enhance(picture)
    inside = alpha >= 0.5
    places = np.flatnonzero(inside if inside.any() else np.ones_like(inside))
    places = places[:: max(len(places) // _COLOURS, 1)]
    before, after = picture.reshape(-1, 3)[places], repaired.reshape(-1, 3)[places]
    lab = to_lab(before)

    def cost(amount: float) -> float:
        return float(delta_e_2000(lab, to_lab(_mix(before, after, amount))).mean())

    if cost(1.0) <= max_delta_e:
        return Enhanced(repaired, 1.0, cost(1.0))
    least, most = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (least + most) / 2
        least, most = (middle, most) if cost(middle) <= max_delta_e else (least, middle)
    return Enhanced(_mix(picture, repaired, least), least, cost(least))


def _mix(
    picture: NDArray[np.uint8], repaired: NDArray[np.uint8], amount: float
) -> NDArray[np.uint8]:
    change = np.float32(amount) * (repaired.astype(np.float32) - picture)
    return np.asarray(np.rint(picture + change), dtype=np.uint8)
