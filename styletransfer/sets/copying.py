"""How much of a set stands in its look as it is: the share of blocks with a near copy there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images import require_picture

LONGEST_PX: Final = 384
BLOCK_PX: Final = 64
STEP_PX: Final = 32
NEAR_COPY: Final = 0.95
_LOOK_SIDES_PX: Final = (256, 320, 384, 480, 576)
_LEAST_DEVIATION: Final = 8.0

# Blocks are looked for at a quarter of the size first, then compared whole where that was close.
_SHRINK: Final = 4
_CLOSE: Final = 0.88
_TRIES: Final = 3

Grey = NDArray[np.uint8]


class Block(NamedTuple):
    """A block of the set with a near copy in the look.

    Corners (y, x) and sides are shares of the longer side: `y`, `x` of the set's, `look_y`,
    `look_x` of the look's (turned left to right where `mirrored`). `size` is the look's longer
    side, in the set's longer sides, at which the copy was found.
    """

    y: float
    x: float
    look_y: float
    look_x: float
    size: float
    mirrored: bool


def copied_share(picture: NDArray[np.uint8], look: NDArray[np.uint8]) -> float:
    """Share of a set's 64 px blocks that have a near copy in the look's picture, 0..1.

    Both (h, w, 3) uint8 sRGB, taken at a longer side of 384 px. Blocks lie every 32 px; those
    whose lightness deviates by less than 8 of 255 are left out, and a set of none but such gives
    0. A near copy has a normalised cross-correlation of lightness of at least .95, anywhere in the
    look at a longer side of 256, 320, 384, 480 or 576 px, turned left to right too. Raises
    ContractError for other arrays.
    """
    found, count = find_copies(picture, look)
    return len(found) / count if count else 0.0


def find_copies(picture: NDArray[np.uint8], look: NDArray[np.uint8]) -> tuple[list[Block], int]:
    """The blocks of `copied_share` that have a near copy, and how many blocks there are."""
    require_picture(picture)
    require_picture(look)
    grey = _grey(picture, LONGEST_PX)
    corners = [
        (y, x)
        for y in range(0, grey.shape[0] - BLOCK_PX + 1, STEP_PX)
        for x in range(0, grey.shape[1] - BLOCK_PX + 1, STEP_PX)
        if grey[y : y + BLOCK_PX, x : x + BLOCK_PX].std() >= _LEAST_DEVIATION
    ]
    found: dict[tuple[int, int], Block] = {}
    for side, mirrored, place in _places(look):
        left = [corner for corner in corners if corner not in found]
        if not left:
            break
        blocks = [grey[y : y + BLOCK_PX, x : x + BLOCK_PX] for y, x in left]
        for (y, x), block, tries in zip(left, blocks, _close_places(blocks, place), strict=True):
            for top, beside in tries:
                at = _near_copy(block, place, top, beside)
                if at is not None:
                    found[y, x] = Block(
                        y / LONGEST_PX,
                        x / LONGEST_PX,
                        at[0] / side,
                        at[1] / side,
                        side / LONGEST_PX,
                        mirrored,
                    )
                    break
    return [found[corner] for corner in corners if corner in found], len(corners)


def _grey(picture: NDArray[np.uint8], longest_px: int) -> Grey:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    scale = longest_px / max(grey.shape)
    size = [max(BLOCK_PX, round(length * scale)) for length in grey.shape]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized: Grey = cv2.resize(grey, (size[1], size[0]), interpolation=method)
    return resized


def _places(look: NDArray[np.uint8]) -> Iterator[tuple[int, bool, Grey]]:
    for side in _LOOK_SIDES_PX:
        grey = _grey(look, side)
        yield side, False, grey
        yield side, True, np.ascontiguousarray(grey[:, ::-1])


def _close_places(blocks: list[Grey], place: Grey) -> list[list[tuple[int, int]]]:
    """For each block up to three corners in `place` where it is close at a quarter of the size."""
    small = _shrunk(place)
    side = BLOCK_PX // _SHRINK
    windows = np.lib.stride_tricks.sliding_window_view(small, (side, side))
    candidates = _standardised(windows.reshape(-1, side * side))
    wanted = _standardised(np.stack([_shrunk(block).reshape(-1) for block in blocks]))
    likeness = wanted @ candidates.T
    tries = []
    for row in likeness:
        corners = []
        for _ in range(_TRIES):
            best = int(row.argmax())
            if row[best] < _CLOSE:
                break
            y, x = divmod(best, windows.shape[1])
            corners.append((y * _SHRINK, x * _SHRINK))
            row.reshape(windows.shape[:2])[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = -1.0
        tries.append(corners)
    return tries


def _shrunk(grey: Grey) -> NDArray[np.float32]:
    size = (max(grey.shape[1] // _SHRINK, 1), max(grey.shape[0] // _SHRINK, 1))
    small: NDArray[np.float32] = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(
        np.float32
    )
    return small


def _standardised(points: NDArray[np.float32]) -> NDArray[np.float32]:
    centred: NDArray[np.float32] = points - points.mean(axis=1, keepdims=True)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True) + 1e-6
    return centred


def _near_copy(block: Grey, place: Grey, top: int, left: int) -> tuple[int, int] | None:
    """Corner of a near copy of `block` within a few pixels of a corner of `place`, if any."""
    reach = _SHRINK
    y, x = max(top - reach, 0), max(left - reach, 0)
    around = place[y : top + BLOCK_PX + reach, x : left + BLOCK_PX + reach]
    if min(around.shape) < BLOCK_PX:
        return None
    likeness = cv2.matchTemplate(around, block, cv2.TM_CCOEFF_NORMED)
    _, best, _, (dx, dy) = cv2.minMaxLoc(likeness)
    return (y + dy, x + dx) if best >= NEAR_COPY else None
