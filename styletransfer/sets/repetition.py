"""Whether a look's picture is a pattern, and the tile that repeats in it."""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images import require_picture, resize_longest
from styletransfer.sets.quilting import close_columns

_LONGEST_PX: Final = 128
_SEAM: Final = 1.6
_LEAST_BORDER: Final = 0.4
_EVEN: Final = 0.08
_NEAR_SEAM: Final = 1.8
_FAR_SEAM: Final = 0.8
# A step of Lab that is seen where all others are smaller.
_SEEN: Final = 3.0

_MEASURED_PX: Final = 256
_SHORTEST: Final = 0.05
_ALIKE: Final = 0.68
_DIP: Final = 0.25
_CONSTANT: Final = 0.9
_LEAST_OVERLAP: Final = 0.08
_LEAST_PERIOD: Final = 0.6


class Tile(NamedTuple):
    """What repeats, uint8 (h, w, 3), and how many of its pixels make one of the look's picture."""

    picture: NDArray[np.uint8]
    scale: float


def find_tile(look: NDArray[np.uint8]) -> Tile | None:
    """The part of a picture (h, w, 3) uint8 that repeats without a seam, or None where none does.

    That is the picture itself where its ends join, or as many of its periods as it holds whole,
    closed by quilting. Raises ContractError for another array.
    """
    small = resize_longest(look, _MEASURED_PX, upscale=True)
    lightness = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float64)
    across, down = _period(lightness), _period(lightness.T)
    if is_tile(look) and _goes_on(lightness, across) and _goes_on(lightness.T, down):
        return Tile(look, 1.0)
    # What repeats one way alone is made of stripes or bands, which may be cut anywhere.
    if not across and not down:
        return None
    # Periods are rarely whole pixels of a small picture: cut where more pixels are.
    grown = resize_longest(look, max(2 * _MEASURED_PX, *look.shape[:2]), upscale=True)
    ratio = grown.shape[1] / small.shape[1]
    closed = _closed(grown.astype(np.float32), (across or 0) * ratio)
    closed = _closed(closed.transpose(1, 0, 2), (down or 0) * ratio).transpose(1, 0, 2)
    picture = np.ascontiguousarray(np.clip(np.rint(closed), 0, 255).astype(np.uint8))
    return Tile(picture, max(grown.shape[:2]) / max(look.shape[:2]))


def _period(lightness: NDArray[np.float64]) -> int | None:
    """Columns after which a picture (h, w) comes again; 0 where they are all alike, None if never.

    The correlation of the picture with itself, moved, must come back after it has fallen.
    """
    width = lightness.shape[1]
    alike = np.array(
        [_correlation(lightness[:, lag:], lightness[:, :-lag]) for lag in range(1, width // 2 + 1)]
    )
    if alike.min() >= _CONSTANT:
        return 0
    fallen = np.minimum.accumulate(alike)
    inner = np.arange(max(round(_SHORTEST * width), 2), len(alike) - 1)
    peaks = inner[
        (alike[inner] >= alike[inner - 1])
        & (alike[inner] >= alike[inner + 1])
        & (alike[inner] >= _ALIKE)
        & (alike[inner] - fallen[inner] >= _DIP)
    ]
    return int(peaks[alike[peaks].argmax()]) + 1 if len(peaks) else None


def _goes_on(lightness: NDArray[np.float64], period: int | None) -> bool:
    """Whether the period before the right end is the one after the left end: no half stripes."""
    if not period:
        return True
    within = _correlation(lightness[:, period:], lightness[:, :-period])
    return _correlation(lightness[:, :period], lightness[:, -period:]) >= within - _DIP


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    one, other = one - one.mean(), other - other.mean()
    length = float(np.sqrt((one**2).sum() * (other**2).sum()))
    # Two plain pictures are alike.
    return float((one * other).sum()) / length if length > 0 else 1.0


def _closed(picture: NDArray[np.float32], period: float) -> NDArray[np.float32]:
    """As many whole periods of columns as there are, closed."""
    width = picture.shape[1]
    least = max(round(_LEAST_OVERLAP * width), 2)
    kept = width - least
    if period:
        # An overlap shorter than a stripe would join anywhere within the stripe.
        expected = period * max(int((width - max(_LEAST_PERIOD * period, 2)) / period), 1)
        # The period is known to a pixel of the small picture; the best join tells it to one here.
        reach = max(int(np.ceil(expected / period)), 2)
        widths = range(max(round(expected) - reach, 2), min(round(expected) + reach, width - 2) + 1)
        mismatch = {
            count: float(((picture[:, count:] - picture[:, : width - count]) ** 2).mean())
            for count in widths
        }
        kept = min(mismatch, key=mismatch.__getitem__)
        picture = picture[:, : 2 * kept]
    return close_columns(picture, kept)


def is_tile(look: NDArray[np.uint8]) -> bool:
    """Whether copies of a picture (h, w, 3) uint8 laid side by side join without a seam.

    The step across the join is held against the steps between neighbouring lines within the
    picture. A border of one colour joins too, without making a tile: it must vary about as much
    as the picture does; and a picture that is not alike all over must join better than one that
    is, or it shows a subject. Raises ContractError for another array.
    """
    require_picture(look)
    lab = cv2.cvtColor(
        resize_longest(look, _LONGEST_PX).astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB
    )
    alike = _unevenness(lab) <= _EVEN
    return all(_joins(lines, alike) for lines in (lab, lab.transpose(1, 0, 2)))


def _joins(lines: NDArray[np.float32], alike: bool) -> bool:
    """Whether the last line of (n, m, 3) Lab may be followed by the first."""
    steps = np.abs(np.diff(lines, axis=0)).mean(axis=(1, 2))
    seam = float(np.abs(lines[0] - lines[-1]).mean())
    usual = float(np.quantile(steps, 0.9))
    border = float(np.concatenate((lines[0], lines[-1])).std(axis=0).sum())
    within = float(np.median(lines.std(axis=1).sum(axis=1)))
    joins = seam <= _SEAM * usual + 0.5 and border >= _LEAST_BORDER * within
    near = float(np.concatenate((steps[:2], steps[-2:])).mean())
    if alike:
        return joins and seam <= max(_NEAR_SEAM * near, near + _SEEN)
    apart = len(lines) // 3
    far = float(np.abs(lines[apart:] - lines[:-apart]).mean())
    return joins and seam <= _NEAR_SEAM * near and seam <= _FAR_SEAM * far


def _unevenness(lab: NDArray[np.float32]) -> float:
    """How much of a picture's variance is between the ninths of it, 0..1."""
    height, width = (max(length // 3, 1) for length in lab.shape[:2])
    ninths = lab[: 3 * height, : 3 * width].reshape(3, height, 3, width, 3)
    whole = float(lab.var(axis=(0, 1)).sum())
    return float(ninths.mean(axis=(1, 3)).var(axis=(0, 1)).sum()) / whole if whole > 0 else 0.0
