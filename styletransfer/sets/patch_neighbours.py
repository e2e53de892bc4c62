"""Patch nearest neighbours, coarse to fine: a new picture made of the patches of a look.

At every level each patch of the guess is replaced by the look's patch nearest to it, and patches
that overlap are averaged: Granot, Feinstein, Shocher, Bagon and Irani 2022, "Drop the GAN: in
defense of patches nearest neighbors as single image generative models". Distances are divided by
how well a patch of the look is already used, so that all of the look appears and no motif takes
over: Simakov, Caspi, Shechtman and Irani 2008, "Summarizing visual data using bidirectional
similarity". The finest levels only search around where the coarser ones had found their patches:
Ashikhmin 2001, "Synthesizing natural textures".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

PATCH_PX: Final = 7
_COMPONENTS: Final = 24
_BLOCK_ROWS: Final = 256
_BASIS_PATCHES: Final = 4000

Picture = NDArray[np.float32]
Field = NDArray[np.int32]
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class PatchConfig:
    """How patches are matched.

    factor: ratio of neighbouring levels' sides, above 1.
    passes: rounds of matching at each level.
    completeness: how early a patch of the look that is in use already gives way to others: smaller
        is earlier; in mean squared difference of values of 0..1.
    search_all_px: set sides up to here search the whole look; finer ones around what was found.
    """

    factor: float = 4 / 3
    passes: int = 2
    completeness: float = 0.0005
    search_all_px: int = 110


DEFAULT_PATCHES: Final = PatchConfig()


class Bar(NamedTuple):
    """A square of the set that may hold nothing of a rectangle of the look.

    Bounds (top, left, bottom, right) in pixels of the finest level.
    """

    of_set: Bounds
    of_look: Bounds


def rebuild(
    look: Picture,
    usable: NDArray[np.bool_],
    guess: Picture,
    side_px: int,
    config: PatchConfig = DEFAULT_PATCHES,
    bars: Sequence[Bar] = (),
) -> Picture:
    """Grow a coarse guess into a picture of a look's patches.

    Args:
        look: float32 (h, w, 3) in 0..1, of the scale at which the set is to show it.
        usable: (h, w), False where no patch may come from.
        guess: float32 (n, n, 3) in 0..1: light and large shapes at the coarsest level.
        side_px: side of the set.
        config: how patches are matched.
        bars: what may not come from where, at the levels that search the whole look.

    Returns:
        float32 (side_px, side_px, 3) in 0..1.
    """
    start = guess.shape[0]
    field: Field | None = None
    previous = start
    for level, side in enumerate(level_sides(start, side_px, config.factor)):
        scale = side / side_px
        sharp = _scaled(look, scale)
        allowed = _allowed_patches(usable, sharp.shape[:2])
        if level == 0:
            soft = sharp
        else:
            guess = cv2.resize(guess, (side, side), interpolation=cv2.INTER_CUBIC)
            coarse = _scaled(look, previous / side_px)
            soft = cv2.resize(coarse, sharp.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        basis = _basis(sharp, allowed)
        for turn in range(config.passes):
            keys = _codes(soft if turn == 0 else sharp, basis)
            queries = _codes(guess, basis)
            if side <= config.search_all_px:
                field = _search_all(queries, keys, allowed, config.completeness, _at(bars, scale))
            else:
                assert field is not None
                if turn == 0:
                    field = _within(_grow_field(field, previous, side, keys.shape[:2]), allowed)
                field = _search_around(queries, keys, allowed, field, thorough=turn == 0)
            guess = _vote(sharp, field)
        previous = side
    return guess


def level_sides(start: int, side_px: int, factor: float) -> list[int]:
    """Sides of the levels from `start` to `side_px`, each at most `factor` times the one before."""
    steps = max(int(np.ceil(np.log(side_px / start) / np.log(factor) - 1e-9)), 1)
    sides = [round(start * (side_px / start) ** (i / steps)) for i in range(steps + 1)]
    return sorted(set(sides))


def _scaled(picture: Picture, scale: float) -> Picture:
    size = [max(round(length * scale), PATCH_PX + 1) for length in picture.shape[:2]]
    resized: Picture = cv2.resize(picture, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return resized


def _allowed_patches(usable: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which patches, named by their upper left corner, hold nothing that is left out."""
    share = cv2.resize(
        usable.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_AREA
    )
    whole = cv2.erode((share > 0.5).astype(np.uint8), np.ones((PATCH_PX, PATCH_PX), np.uint8))
    half = PATCH_PX // 2
    inner: NDArray[np.bool_] = whole[half:-half, half:-half] > 0
    # A level too coarse to leave anything out uses all.
    return inner if inner.mean() > 0.1 else np.ones_like(inner)


def _basis(look: Picture, allowed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Leading principal components of the look's patches, float32 (147, at most 24)."""
    y, x = np.nonzero(allowed)
    step = max(len(y) // _BASIS_PATCHES, 1)
    y, x = y[::step], x[::step]
    windows = np.lib.stride_tricks.sliding_window_view(look, (PATCH_PX, PATCH_PX), axis=(0, 1))
    points = windows[y, x].reshape(len(y), -1).astype(np.float64)
    points -= points.mean(axis=0)
    _, vectors = np.linalg.eigh(points.T @ points)
    return np.ascontiguousarray(vectors[:, ::-1][:, :_COMPONENTS], dtype=np.float32)


def _codes(picture: Picture, basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """Patches on the basis; squared distances are mean squared differences of values."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (PATCH_PX, PATCH_PX), axis=(0, 1))
    rows, columns = windows.shape[:2]
    codes = np.empty((rows, columns, basis.shape[1]), dtype=np.float32)
    scaled = basis / np.float32(np.sqrt(basis.shape[0]))
    for top in range(0, rows, 32):
        block = windows[top : top + 32]
        codes[top : top + 32] = (block.reshape(-1, basis.shape[0]) @ scaled).reshape(
            *block.shape[:2], -1
        )
    return codes


def _search_all(
    queries: NDArray[np.float32],
    keys: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    completeness: float,
    bars: Sequence[Bar],
) -> Field:
    """For every patch of the guess the corner (y, x) of the look's patch that stands for it."""
    places = np.argwhere(allowed).astype(np.int32)
    cloud = keys[allowed]
    flat = queries.reshape(-1, queries.shape[-1])
    corners = np.argwhere(np.ones(queries.shape[:2], dtype=bool))
    # One product of matrices gives all squared distances: (q, |q|^2, 1) with (-2 k, 1, |k|^2).
    ones = np.ones((len(flat), 1), dtype=np.float32)
    left = np.hstack((flat, (flat**2).sum(axis=1, keepdims=True), ones))
    ones = np.ones((len(cloud), 1), dtype=np.float32)
    right = np.hstack((-2 * cloud, ones, (cloud**2).sum(axis=1, keepdims=True))).T
    best = np.full(len(cloud), np.inf, dtype=np.float32)
    blocks = [slice(start, start + _BLOCK_ROWS) for start in range(0, len(flat), _BLOCK_ROWS)]
    for rows in blocks:
        np.minimum(best, (left[rows] @ right).min(axis=0), out=best)
    right = right / (completeness + np.maximum(best, 0.0))
    barred = [
        (np.flatnonzero(_inside(bar.of_set, corners)), np.flatnonzero(_inside(bar.of_look, places)))
        for bar in bars
    ]
    nearest = np.empty(len(flat), dtype=np.int64)
    for rows in blocks:
        distances = left[rows] @ right
        for ours, theirs in barred:
            here = ours[(ours >= rows.start) & (ours < rows.stop)] - rows.start
            if len(here):
                distances[here[:, None], theirs] = np.inf
        nearest[rows] = distances.argmin(axis=1)
    return places[nearest].reshape(*queries.shape[:2], 2)


def _at(bars: Sequence[Bar], scale: float) -> list[Bar]:
    """Bars in pixels of a coarser level."""
    return [Bar(_times(bar.of_set, scale), _times(bar.of_look, scale)) for bar in bars]


def _times(bounds: Bounds, scale: float) -> Bounds:
    top, left, bottom, right = bounds
    return top * scale, left * scale, bottom * scale, right * scale


def _inside(bounds: Bounds, corners: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which patches, named by their corners (n, 2), have their middle within bounds."""
    top, left, bottom, right = bounds
    y, x = corners[:, 0] + PATCH_PX / 2, corners[:, 1] + PATCH_PX / 2
    inside: NDArray[np.bool_] = (y >= top) & (y < bottom) & (x >= left) & (x < right)
    return inside


def _grow_field(field: Field, before: int, after: int, shape: tuple[int, ...]) -> Field:
    """The field of a coarser level at this level's size."""
    ratio = after / before
    length = after - PATCH_PX + 1
    half = PATCH_PX // 2
    mine = np.arange(length) + half
    theirs = np.clip(np.round((mine + 0.5) / ratio - 0.5).astype(int) - half, 0, len(field) - 1)
    shift = mine + 0.5 - (theirs + half + 0.5) * ratio
    grown = field[theirs[:, None], theirs[None, :]].astype(np.float32)
    grown = (grown + half + 0.5) * ratio - 0.5 - half
    grown[..., 0] += shift[:, None]
    grown[..., 1] += shift[None, :]
    return _clipped(np.round(grown).astype(np.int32), shape)


def _within(field: Field, allowed: NDArray[np.bool_]) -> Field:
    """A field whose places that are left out have moved to the nearest that are not."""
    if allowed.all():
        return field
    _, labels = cv2.distanceTransformWithLabels(
        (~allowed).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.empty((int(labels.max()) + 1, 2), dtype=np.int32)
    places[labels[allowed]] = np.argwhere(allowed)
    moved: Field = places[labels[field[..., 0], field[..., 1]]]
    return moved


def _clipped(field: Field, shape: tuple[int, ...]) -> Field:
    np.clip(field[..., 0], 0, shape[0] - 1, out=field[..., 0])
    np.clip(field[..., 1], 0, shape[1] - 1, out=field[..., 1])
    return field


def _search_around(
    queries: NDArray[np.float32],
    keys: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    field: Field,
    thorough: bool,
) -> Field:
    """Improve a field by what its neighbours found, one patch on, and by places one pixel off."""
    best = field.copy()
    cost = _cost(queries, keys, allowed, best)
    moves = [(0, 1), (0, -1), (1, 0), (-1, 0)]
    for reach in (4, 2, 1) if thorough else (1,):
        for dy, dx in moves:
            other = np.roll(best, (dy * reach, dx * reach), axis=(0, 1))
            other = other + np.array([dy * reach, dx * reach], dtype=np.int32)
            best, cost = _better(queries, keys, allowed, best, cost, other)
    for dy, dx in moves if thorough else ():
        best, cost = _better(
            queries, keys, allowed, best, cost, best + np.array([dy, dx], dtype=np.int32)
        )
    return best


def _better(
    queries: NDArray[np.float32],
    keys: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    best: Field,
    cost: NDArray[np.float32],
    other: Field,
) -> tuple[Field, NDArray[np.float32]]:
    other = _clipped(other, keys.shape[:2])
    unlike = (other != best).any(axis=2)
    rows, columns = np.nonzero(unlike)
    place = other[rows, columns]
    found = keys[place[:, 0], place[:, 1]]
    found -= queries[rows, columns]
    costs = np.einsum("ij,ij->i", found, found)
    costs[~allowed[place[:, 0], place[:, 1]]] = np.inf
    wins = costs < cost[rows, columns]
    rows, columns = rows[wins], columns[wins]
    best[rows, columns] = place[wins]
    cost[rows, columns] = costs[wins]
    return best, cost


def _cost(
    queries: NDArray[np.float32],
    keys: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    field: Field,
) -> NDArray[np.float32]:
    found = keys[field[..., 0], field[..., 1]] - queries
    cost: NDArray[np.float32] = np.einsum("ijk,ijk->ij", found, found)
    cost[~allowed[field[..., 0], field[..., 1]]] = np.inf
    return cost


def _vote(look: Picture, field: Field) -> Picture:
    """Average of all patches over each pixel, their middles weighing more."""
    rows, columns = field.shape[:2]
    total = np.zeros((rows + PATCH_PX - 1, columns + PATCH_PX - 1, 3), dtype=np.float32)
    weight = np.zeros((*total.shape[:2], 1), dtype=np.float32)
    flat = look.reshape(-1, 3)
    corner = field[..., 0] * look.shape[1] + field[..., 1]
    kernel = cv2.getGaussianKernel(PATCH_PX, PATCH_PX / 5, cv2.CV_32F)[:, 0]
    for dy in range(PATCH_PX):
        for dx in range(PATCH_PX):
            share = kernel[dy] * kernel[dx]
            part = total[dy : dy + rows, dx : dx + columns]
            part += share * flat[corner + (dy * look.shape[1] + dx)]
            weight[dy : dy + rows, dx : dx + columns] += share
    total /= weight
    return total
