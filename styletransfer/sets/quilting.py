"""A pattern's picture cut to whole periods and closed along the path where its ends agree best.

The path is the cheapest from end to end through the squared differences of the overlap: Efros and
Freeman 2001, "Image quilting for texture synthesis and transfer".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError

Picture = NDArray[np.float32]


def close_columns(picture: Picture, width: int) -> Picture:
    """The first `width` columns of a picture, which then join themselves from right to left.

    `picture` float32 (h, w, 3), `width` below w: the columns beyond it are the overlap, laid over
    the first ones up to the cheapest path. Returns (h, width, 3). Raises ContractError where there
    is no overlap or it is longer than what is kept.
    """
    overlap = picture.shape[1] - width
    if not 0 < overlap <= width:
        raise ContractError(
            f"columns to close must be fewer than {picture.shape[1]} and at least half, got {width}"
        )
    after, first = picture[:, width:], picture[:, :overlap]
    path = cheapest_path(((after - first) ** 2).sum(axis=2))
    # Left of the path the picture goes on from its right end; the step is softened over a pixel.
    share = np.clip(path[:, None] - np.arange(overlap)[None, :] + 0.5, 0.0, 1.0)[..., None]
    closed = picture[:, :width].copy()
    closed[:, :overlap] = share * after + (1.0 - share) * first
    return closed.astype(np.float32)


def cheapest_path(cost: NDArray[np.floating]) -> NDArray[np.int64]:
    """Column of the cheapest way through each row of costs (h, w), a column a row at most: (h,)."""
    height, width = cost.shape
    total = np.array(cost, dtype=np.float64)
    padded = np.full(width + 2, np.inf)
    for row in range(1, height):
        padded[1:-1] = total[row - 1]
        total[row] += np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:])
    path = np.empty(height, dtype=np.int64)
    path[-1] = int(total[-1].argmin())
    for row in range(height - 2, -1, -1):
        left = max(path[row + 1] - 1, 0)
        path[row] = left + int(total[row, left : path[row + 1] + 2].argmin())
    return path
