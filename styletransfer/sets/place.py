"""A set behind one photo's product: cut to its shape, calmed next to it, lit as the photo was."""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from styletransfer.config import PlaceConfig
from styletransfer.sets.layout import read_layout
from styletransfer.sets.light import contact_shadow, read_light
from styletransfer.sets.synthesis import SetLayout

# Light is a ratio of linear light, colours are coded with a gamma of about this.
_GAMMA: Final = 2.2


DEFAULT_PLACE: Final = PlaceConfig()


class SetPlacer:
    """Places sets behind the product of one photo; the photo's own part is done once.

    `layout` is the photo's, in which sets are to be made, `light` float32 (h, w, 1) what it does to
    the colours of what lies behind the product.
    """

    def __init__(
        self,
        background: NDArray[np.uint8],
        alpha: NDArray[np.float32],
        config: PlaceConfig = DEFAULT_PLACE,
    ) -> None:
        """Read the photo's light and layout.

        Args:
            background: uint8 (h, w, 3) sRGB, the photo with its product filled in.
            alpha: float32 (h, w), the product's mask.
            config: how a set gives way to the product.
        """
        self._config = config
        self._shape = background.shape
        light = read_light(background, alpha)
        self.layout: SetLayout = read_layout(background, alpha, light)
        ratio = light.ratio
        if not (light.plain and light.shadowed):
            own = contact_shadow(alpha, self.layout == "wall_and_floor")
            ratio = np.minimum(ratio, own)
        self.light = cv2.pow(ratio, 1.0 / _GAMMA)[..., None]
        reach_px = max(config.reach * max(alpha.shape), 0.5)
        near = np.clip(2.5 * cv2.GaussianBlur(alpha, (0, 0), reach_px), 0.0, 1.0)
        self._kept = (1.0 - config.calm * near)[..., None].astype(np.float32)

    def place(self, made: NDArray[np.uint8], shift: float, mirrored: bool) -> NDArray[np.float32]:
        """Surroundings float32 (h, w, 3), mostly in 0..1, of a square set uint8 (s, s, 3).

        `shift` in 0..1 moves the window that the photo's shape cuts out of the set, `mirrored`
        turns it left to right: variants that cost nothing. Raises ContractError for another array.
        """
        height, width = self._shape[:2]
        return self.lay(cut_set(made, height, width, shift, mirrored, self._config))

    def lay(self, cut: CutSet, light: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Surroundings float32 (h, w, 3) of a set cut to the photo's shape.

        `light` (h, w, 1) is used in place of the photo's own, `light` of this object.
        """
        placed = cut.shades + cut.detail * (self._kept * np.float32(cut.bound))
        return np.asarray(placed * (self.light if light is None else light), dtype=np.float32)


class CutSet(NamedTuple):
    """A set cut to a photo's shape: colours without detail, and detail, float32 (h, w, 3) each.

    `bound` in 0..1 is how much of the detail may be shown.
    """

    shades: NDArray[np.float32]
    detail: NDArray[np.float32]
    bound: float


def cut_set(
    made: NDArray[np.uint8],
    height: int,
    width: int,
    shift: float,
    mirrored: bool,
    config: PlaceConfig = DEFAULT_PLACE,
) -> CutSet:
    """The window of a square set uint8 (s, s, 3) that has a photo's shape.

    `shift` and `mirrored` as in `SetPlacer.place`. Raises ContractError for another array.
    """
    if made.ndim != 3 or made.shape[0] != made.shape[1] or made.dtype != np.uint8:
        raise ContractError(
            f"the set is {made.dtype} of shape {made.shape}, expected uint8 (s, s, 3): make it "
            "with make_set"
        )
    window = _window(made, height, width, shift)
    if mirrored:
        window = window[:, ::-1]
    method = cv2.INTER_AREA if window.shape[0] > height else cv2.INTER_CUBIC
    picture = cv2.resize(np.ascontiguousarray(window), (width, height), interpolation=method)
    colours = picture.astype(np.float32) * np.float32(1 / 255)
    blurred = _smooth(colours, 0.03 * max(height, width))
    detail = colours - blurred
    spread = float(np.sqrt((detail * detail).mean()))
    bound = min(config.most_contrast / max(spread, 1e-6), 1.0)
    return CutSet(blurred, detail, bound)


def _window(made: NDArray[np.uint8], height: int, width: int, shift: float) -> NDArray[np.uint8]:
    """The part of a square set that has the photo's shape; a floor's line keeps its height."""
    side = len(made)
    if width >= height:
        rows = max(round(side * height / width), 1)
        # The line lies at two thirds of the set, and so it does of the window.
        top = round(0.66 * (side - rows))
        return made[top : top + rows]
    columns = max(round(side * width / height), 1)
    left = round(shift * (side - columns))
    return made[:, left : left + columns]


def _smooth(colours: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur at a quarter of the size, where its detail would not be seen anyway."""
    height, width = colours.shape[:2]
    size = (max(width // 4, 1), max(height // 4, 1))
    small = cv2.resize(colours, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(sigma / 4, 0.5), borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
