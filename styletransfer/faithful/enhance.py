"""Photos repaired before they are painted, as far as the product's colours allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.images import (
    auto_contrast,
    auto_white_balance,
    denoise,
    require_picture,
    sharpen,
)
from styletransfer.colour import delta_e_2000, to_lab

MAX_DELTA_E: Final = 1.0
"""Mean CIEDE2000 that all repairs together may cost the product: just seen side by side."""
ENHANCE_REVISION: Final = 1
"""Goes up when a photo may be repaired otherwise than before."""
_COLOURS: Final = 4000
_STEPS: Final = 7
_Repair = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
# Each repair and how much of the budget may be spent once it is made. Noise goes first, since each
# later step would amplify it, and sharpness last, since it depends on the contrast. A cast and flat
# tones are guesses, as often wrong as right (`python -m benchmarks.enhancement`): some is kept from
# them for sharpness.
_REPAIRS: Final[tuple[tuple[str, _Repair, float], ...]] = (
    ("noise", denoise, 1.0),
    ("colour cast", auto_white_balance, 0.75),
    ("contrast", auto_contrast, 0.8),
    ("sharpness", sharpen, 1.0),
)


class Enhanced(NamedTuple):
    """A repaired photo, uint8 (h, w, 3).

    `amounts` are the shares in 0..1 of each repair that were made and `delta_e` what they cost the
    product together, mean CIEDE2000.
    """

    picture: NDArray[np.uint8]
    amounts: dict[str, float]
    delta_e: float


def enhance_within(
    picture: NDArray[np.uint8], alpha: NDArray[np.float32], max_delta_e: float = MAX_DELTA_E
) -> Enhanced:
    """Repair noise, colour cast, flat tones and softness of a photo, bounded on its product.

    `picture` is uint8 (h, w, 3) sRGB, `alpha` float32 (h, w) the product where >= 0.5; a mask
    without product bounds the whole picture. Each repair is made over the whole photo, so that its
    light stays one light, as far as keeps the product within `max_delta_e` of the photo as it came.
    """
    require_picture(picture)
    inside = alpha >= 0.5
    places = np.flatnonzero(inside if inside.any() else np.ones_like(inside))
    places = places[:: max(len(places) // _COLOURS, 1)]
    lab = to_lab(picture.reshape(-1, 3)[places])
    amounts = {}
    current = picture
    for name, repair, share in _REPAIRS:
        repaired = repair(current)
        before, after = (one.reshape(-1, 3)[places] for one in (current, repaired))
        amounts[name] = _largest(lab, before, after, share * max_delta_e)
        current = _mix(current, repaired, amounts[name])
    cost = delta_e_2000(lab, to_lab(current.reshape(-1, 3)[places]))
    return Enhanced(current, amounts, float(cost.mean()))


def _largest(
    lab: NDArray[np.float32],
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    max_delta_e: float,
) -> float:
    """How far from `before` to `after`, (n, 3), stays within `max_delta_e` of `lab`, in 0..1."""

    def fits(amount: float) -> bool:
        return float(delta_e_2000(lab, to_lab(_mix(before, after, amount))).mean()) <= max_delta_e

    if fits(1.0):
        return 1.0
    least, most = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (least + most) / 2
        least, most = (middle, most) if fits(middle) else (least, middle)
    return least


def _mix(
    picture: NDArray[np.uint8], repaired: NDArray[np.uint8], amount: float
) -> NDArray[np.uint8]:
    change = np.float32(amount) * (repaired.astype(np.float32) - picture)
    return np.asarray(np.rint(picture + change), dtype=np.uint8)
