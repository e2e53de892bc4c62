"""A look made into surroundings: which way of making a set suits it, and the set."""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images import require_picture, resize, resize_longest
from features.schema import ContractError, InputError
from styletransfer.config import LEAST_SET_SIDE_PX, SetConfig
from styletransfer.sets.copying import BLOCK_PX, LONGEST_PX, Block, copied_share, find_copies
from styletransfer.sets.figures import find_figures
from styletransfer.sets.guides import SetLayout, guide, layout_light
from styletransfer.sets.margins import within_margins
from styletransfer.sets.patch_neighbours import Bar, rebuild
from styletransfer.sets.repetition import Tile, find_tile

__all__ = ["DEFAULT_SETS", "MadeSet", "SetConfig", "SetLayout", "make_set"]

LEAST_LOOK_PX: Final = 48
_MOST_COPIES: Final = 2
_GAMMA: Final = 2.2
# A set with more near copies than this is mended, up to so many times, from this side up.
_FEW_COPIES: Final = 0.03
_MENDINGS: Final = 2
_MENDED_PX: Final = 64


DEFAULT_SETS: Final = SetConfig()


class MadeSet(NamedTuple):
    """A set: `picture` uint8 (s, s, 3) sRGB, its share of near copies 0..1, and how it was made."""

    picture: NDArray[np.uint8]
    copied: float
    method: str


def make_set(
    look: NDArray[np.uint8],
    layout: SetLayout,
    side_px: int,
    seed: int,
    config: SetConfig = DEFAULT_SETS,
    verbatim: bool = False,
) -> MadeSet:
    """Make the surroundings that show a look.

    A pattern that joins itself is laid as tiles; any other look is made anew of its patches.

    Args:
        look: the look's picture, uint8 (h, w, 3) sRGB, at least 48 px on each side.
        layout: wall, wall_and_floor (the line at 0.66 of the height) or flat_lay.
        side_px: side of the set, at least 96 px.
        seed: which of the look's sets.
        config: how sets are made.
        verbatim: whether the shop may show the look's picture as it is.

    Raises:
        ContractError: a look that is no picture, or a side below 96 px.
        InputError: a look that is too small.
    """
    require_picture(look)
    if min(look.shape[:2]) < LEAST_LOOK_PX:
        raise InputError(
            f"a look's picture must be at least {LEAST_LOOK_PX} px on each side to make a set of, "
            f"got {look.shape[1]} x {look.shape[0]} px: give a larger picture"
        )
    if side_px < LEAST_SET_SIDE_PX:
        raise ContractError(f"a set's side must be at least {LEAST_SET_SIDE_PX} px, got {side_px}")
    rng = np.random.default_rng(seed)
    tile = find_tile(look)
    if tile is not None:
        made, method = _tiled(tile, look, side_px, rng), "tile"
    elif verbatim:
        made, method = _cut(look, side_px, rng), "picture"
    else:
        made, method = _rebuilt(look, layout, side_px, seed, config), "patches"
    picture = _lit(made, layout)
    return MadeSet(picture, copied_share(picture, look), method)


def _tiled(
    tile: Tile, look: NDArray[np.uint8], side_px: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Copies side by side, a small look's smaller than the set, from a corner drawn at random."""
    count = min(max(round(side_px / max(look.shape[:2])), 1), _MOST_COPIES)
    ratio = side_px / count / (max(look.shape[:2]) * tile.scale)
    sides = [max(round(length * ratio), 1) for length in tile.picture.shape[:2]]
    picture = resize(tile.picture, sides[0], sides[1])
    y, x = (int(rng.integers(length)) for length in sides)
    picture = np.roll(picture, (-y, -x), axis=(0, 1))
    copies = [-(-side_px // length) for length in sides]
    return np.tile(picture, (*copies, 1))[:side_px, :side_px]


def _cut(look: NDArray[np.uint8], side_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A square of the picture itself."""
    height, width = look.shape[:2]
    side = min(height, width)
    y, x = (int(rng.integers(length - side + 1)) for length in (height, width))
    return resize(np.ascontiguousarray(look[y : y + side, x : x + side]), side_px, side_px)


def _rebuilt(
    look: NDArray[np.uint8], layout: SetLayout, side_px: int, seed: int, config: SetConfig
) -> NDArray[np.uint8]:
    shown = resize_longest(look, side_px, upscale=True)
    rows, columns = within_margins(shown)
    trimmed = np.ascontiguousarray(shown[rows, columns])
    scaled = trimmed.astype(np.float32) / 255.0
    usable = ~find_figures(shown)[rows, columns]
    start = guide(scaled, usable, layout, config.start_px, seed)
    made = _to_bytes(rebuild(scaled, usable, start, side_px))
    best, least = made, 1.0
    bars: list[Bar] = []
    for turn in range(_MENDINGS + 1):
        copies, count = find_copies(made, look)
        share = len(copies) / count if count else 0.0
        if share < least:
            best, least = made, share
        if share <= _FEW_COPIES or turn == _MENDINGS:
            break
        # What stands in the look is made again of other parts of it, the rest as it is.
        bars += [
            _bar(block, side_px, shown.shape[1], rows.start, columns.start) for block in copies
        ]
        coarse = cv2.resize(
            made.astype(np.float32) / 255.0, (_MENDED_PX, _MENDED_PX), interpolation=cv2.INTER_AREA
        )
        made = _to_bytes(rebuild(scaled, usable, coarse, side_px, bars=bars))
    return best


def _bar(block: Block, side_px: int, look_width: int, rows: int, columns: int) -> Bar:
    """Bars the whole place in the look where a block was found from the block's place.

    `look_width` in pixels of a look whose longer side is the set's; `rows` and `columns` of it are
    trimmed above and on the left.
    """
    length = BLOCK_PX / LONGEST_PX * side_px
    y, x = block.y * side_px, block.x * side_px
    theirs = length / block.size
    top, left = block.look_y * side_px, block.look_x * side_px
    if block.mirrored:
        left = look_width - left - theirs
    top, left = top - rows, left - columns
    return Bar((y, x, y + length, x + length), (top, left, top + theirs, left + theirs))


def _lit(picture: NDArray[np.uint8], layout: SetLayout) -> NDArray[np.uint8]:
    """A set under its layout's light, which its patches follow only in part."""
    light = layout_light(layout, picture.shape[0])[..., None]
    return _to_bytes(picture.astype(np.float32) / 255.0 * light ** (1 / _GAMMA))


def _to_bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    scaled: NDArray[np.uint8] = cv2.convertScaleAbs(np.clip(values, 0.0, 1.0), alpha=255.0)
    return scaled
