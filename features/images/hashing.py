"""Perceptual hashes of pictures, and near duplicates by them."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from features.images.enhance import luma
from features.images.pixels import require_picture
from features.schema import ConfigError

_BITS: Final = 64
# Pairs compared at a time: 8 MB of hashes, so that a block stays near the cache.
_BLOCK_PAIRS: Final = 1 << 20


def perceptual_hash(picture: NDArray[np.uint8]) -> np.uint64:
    """DCT hash of a picture, (h, w, 3) uint8, as 64 bits (Zauner 2010).

    The luma at 32 x 32 is transformed, and each of its 8 x 8 lowest frequencies gives the bit
    whether it is above their median. Scaling, recompression and small changes of tone leave
    nearly all bits as they are; unrelated pictures differ in about 32.
    """
    require_picture(picture)
    small = cv2.resize(luma(picture), (32, 32), interpolation=cv2.INTER_AREA)
    # Rounded, so that the frequencies a picture lacks are zero and not rounding noise.
    low = np.round(cv2.dct(small)[:8, :8], 2)
    bits = (low > np.median(low)).ravel()
    return np.uint64(int.from_bytes(np.packbits(bits).tobytes(), "big"))


def near_duplicates(hashes: NDArray[np.uint64], max_distance: int = 4) -> NDArray[np.int64]:
    """Group pictures whose hashes are within `max_distance` bits, directly or in a chain.

    `hashes` is uint64 (n,). Returns group numbers, int64 (n,), counted from 0 in the order of
    each group's first picture; a picture like no other is a group of its own. Every pair is
    compared, in blocks: n * n / 2 comparisons in constant memory.
    """
    if not 0 <= max_distance <= _BITS:
        raise ConfigError(f"max_distance must be from 0 to {_BITS} bits, got {max_distance}")
    distinct, inverse = np.unique(np.asarray(hashes, dtype=np.uint64), return_inverse=True)
    n_distinct = len(distinct)
    links: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    start = 0
    while start < n_distinct:
        stop = min(n_distinct, start + max(1, _BLOCK_PAIRS // (n_distinct - start)))
        block = np.bitwise_count(distinct[start:stop, None] ^ distinct[None, start:])
        rows, columns = np.nonzero(block <= max_distance)
        links.append((rows + start, columns + start))
        start = stop
    rows = np.concatenate([link[0] for link in links]) if links else np.empty(0, np.int64)
    columns = np.concatenate([link[1] for link in links]) if links else np.empty(0, np.int64)
    graph = sparse.csr_matrix((np.ones(len(rows), bool), (rows, columns)), (n_distinct, n_distinct))
    _, labels = csgraph.connected_components(graph, directed=False)
    _, first, groups = np.unique(labels[inverse], return_index=True, return_inverse=True)
    renumbered = np.empty(len(first), np.int64)
    renumbered[np.argsort(first, kind="stable")] = np.arange(len(first))
    return renumbered[groups] if len(first) else np.empty(0, np.int64)
