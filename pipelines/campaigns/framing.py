"""A picture cut to a channel's frame: the product of one size, inside the safe area.

What the frame shows beyond the picture is its own ground, mirrored from the strip between the
product and the picture's edge, so that no second product appears there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.images import resize
from features.schema import InputError
from pipelines.campaigns.presets import ChannelPreset

# A product nearer to the picture's edge than this share of its side is cut off by it.
_AT_EDGE: Final = 0.006
_LEAST_STRIP_PX: Final = 2
_ROUNDING: Final = 1e-6


@dataclass(frozen=True)
class Box:
    """Where the product is, in pixels of a picture; `right` and `bottom` are beyond it."""

    left: float
    top: float
    right: float
    bottom: float

    def scaled(self, factor: float) -> Box:
        """The box in the same picture at another size."""
        return Box(*(factor * side for side in (self.left, self.top, self.right, self.bottom)))


@dataclass(frozen=True)
class Frame:
    """The part of a picture that a channel shows: a window from (`left`, `top`) in its pixels,
    which may begin before it and end beyond it, enlarged by `scale` to the channel's size.

    `product` is the product's box as shares of the frame, `bleeds` the sides at which the photo
    itself cuts the product off: there is no safe area there.
    """

    left: float
    top: float
    scale: float
    product: Box
    bleeds: tuple[str, ...]

    @property
    def product_size(self) -> float:
        """The share of the frame's width or height that the product takes, the larger of both."""
        box = self.product
        return max(box.right - box.left, box.bottom - box.top)


def box_of(alpha: NDArray[np.float32]) -> Box | None:
    """The box of the product in a mask (h, w) float32, None where there is none in it."""
    solid = alpha >= 0.5
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not rows.size:
        return None
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def place(
    width: int, height: int, box: Box, preset: ChannelPreset, fill: float | None = None
) -> Frame:
    """Where `preset` cuts a picture of `width` x `height` px with the product in `box`.

    The product takes `fill` (None: the preset's) of the frame, more where the picture would not
    reach the frame's edges otherwise, as long as it stays inside the safe area, whose middle it is
    brought to. Raises InputError where it cannot be inside, since its photo cuts it off.
    """
    top, right, bottom, left = preset.safe
    across = _Axis(width, box.left, box.right, preset.width_px, left, right, ("left", "right"))
    down = _Axis(height, box.top, box.bottom, preset.height_px, top, bottom, ("top", "bottom"))
    axes = (across, down)
    wanted = min(axis.scale_of(preset.fill if fill is None else fill) for axis in axes)
    whole = max(axis.frame / axis.size for axis in axes)
    largest = min(axis.largest_scale for axis in axes)
    least = max((axis.least_scale for axis in axes), default=0.0)
    scale = max(min(max(wanted, whole), largest), least)
    product = Box(
        *(axis.shares(scale)[0] for axis in axes), *(axis.shares(scale)[1] for axis in axes)
    )
    bleeds = tuple(side for axis in axes for side in axis.bleeds)
    frame = Frame(across.start(scale), down.start(scale), scale, product, bleeds)
    if outside(frame, preset):
        raise InputError(
            f"the photo cuts the product off ({', '.join(bleeds) or 'no side'}), and the rest of "
            f"it does not fit into the safe area of {preset.name}: photograph it with room around"
        )
    return frame


def outside(frame: Frame, preset: ChannelPreset) -> tuple[str, ...]:
    """The sides at which the product of `frame` leaves the safe area and the photo does not."""
    top, right, bottom, left = preset.safe
    box = frame.product
    over = {
        "top": top - box.top,
        "right": box.right - (1.0 - right),
        "bottom": box.bottom - (1.0 - bottom),
        "left": left - box.left,
    }
    return tuple(s for s, by in over.items() if by > _ROUNDING and s not in frame.bleeds)


def cut(
    picture: NDArray[np.uint8], frame: Frame, box: Box, preset: ChannelPreset
) -> NDArray[np.uint8]:
    """The picture (h, w, 3) uint8 as the channel shows it, of exactly the preset's size."""
    rows = _window(frame.top, preset.height_px / frame.scale)
    columns = _window(frame.left, preset.width_px / frame.scale)
    picture = _extend(picture, rows, box.top, box.bottom, axis=0)
    picture = _extend(picture, columns, box.left, box.right, axis=1)
    return resize(picture, preset.height_px, preset.width_px)


def _window(start: float, length: float) -> tuple[int, int]:
    first = round(start)
    return first, first + max(round(length), 1)


def _extend(
    picture: NDArray[np.uint8], window: tuple[int, int], low: float, high: float, axis: int
) -> NDArray[np.uint8]:
    """Rows or columns `window` of a picture, those beyond it mirrored from beside the product."""
    size = picture.shape[axis]
    before = _mirrored(max(-window[0], 0), int(low))
    after = size - 1 - _mirrored(max(window[1] - size, 0), size - int(np.ceil(high)))
    inner = np.arange(max(window[0], 0), min(window[1], size))
    return np.take(picture, np.concatenate([before[::-1], inner, after]), axis=axis)


def _mirrored(count: int, strip: int) -> NDArray[np.int64]:
    """`count` places from the edge outwards: to and fro through a strip of `strip` px."""
    strip = max(strip, _LEAST_STRIP_PX)
    steps = np.arange(count) % (2 * strip)
    return np.where(steps < strip, steps, 2 * strip - 1 - steps)


@dataclass(frozen=True)
class _Axis:
    """One direction of the frame: the picture's `size`, the product from `low` to `high`, the
    `frame`'s pixels, and the shares before and after that are kept free."""

    size: int
    low: float
    high: float
    frame: int
    before: float
    after: float
    sides: tuple[str, str]

    @property
    def bleeds(self) -> tuple[str, ...]:
        edge = _AT_EDGE * self.size
        touched = (self.low <= edge, self.high >= self.size - edge)
        return tuple(side for side, at in zip(self.sides, touched, strict=True) if at)

    def scale_of(self, fill: float) -> float:
        return fill * self.frame / max(self.high - self.low, 1.0)

    @property
    def largest_scale(self) -> float:
        """Beyond it the product leaves the safe area."""
        free = [share for side, share in zip(self.sides, (self.before, self.after), strict=True)
                if side not in self.bleeds]  # fmt: skip
        return self.scale_of(1.0 - sum(free))

    @property
    def least_scale(self) -> float:
        """Below it the frame shows more than the picture where the product is cut off."""
        return self.frame / self.size if len(self.bleeds) == 2 else 0.0

    def start(self, scale: float) -> float:
        """Where the window begins, in the picture's pixels."""
        length = self.frame / scale
        spare = self.size - length
        if len(self.bleeds) == 2:
            return spare / 2.0
        if self.bleeds:
            return 0.0 if self.sides[0] in self.bleeds else spare
        middle = self.before + (1.0 - self.before - self.after) / 2.0
        start = (self.low + self.high) / 2.0 - middle * length
        if length <= self.size:
            start = min(max(start, 0.0), self.size - length)
        lowest = self.high - (1.0 - self.after) * length
        highest = self.low - self.before * length
        return min(max(start, lowest), highest)

    def shares(self, scale: float) -> tuple[float, float]:
        """Where the product begins and ends, as shares of the frame."""
        start, length = self.start(scale), self.frame / scale
        return (self.low - start) / length, (self.high - start) / length
