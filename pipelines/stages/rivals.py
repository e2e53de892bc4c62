"""The items of the catalogue that a render could be mistaken for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

RIVALS: Final = 16
# Copies of one photo, scaled or compressed anew, differ by at most 2 bits and .076 in cosine, and
# different photos of the shop of real photos by at least 10 bits and .119.
_SAME_BITS: Final = 4
_SAME_COSINE: Final = 0.92


def nearest_rivals(
    content: NDArray[np.float32], digests: Sequence[str], hashes: NDArray[np.uint64]
) -> list[NDArray[np.int64]]:
    """Rows of each item and of the at most `RIVALS` items most like it, own first.

    `content` (n, d) holds unit embeddings of the items' photos, `digests` names their files'
    content and `hashes` (n,) are their perceptual hashes. Items that share the item's photo, or
    show a copy of it, are no rivals: nobody can tell one size of a shirt from another by a photo.
    Of other items that share a photo the first row stands for all.
    """
    _, first, photo = np.unique(
        np.asarray(digests, dtype=str), return_index=True, return_inverse=True
    )
    first = np.asarray(first, dtype=np.int64)
    index = faiss.IndexFlatIP(content.shape[1])
    index.add(np.ascontiguousarray(content[first]))
    likeness, found = index.search(
        np.ascontiguousarray(content[first]), min(3 * RIVALS + 1, len(first))
    )
    others = first[found]
    bits = np.bitwise_count(hashes[others] ^ hashes[first][:, None])
    copies = (likeness >= _SAME_COSINE) & (bits <= _SAME_BITS)
    copies |= found == np.arange(len(first))[:, None]
    return [
        np.concatenate([[own], others[one][~copies[one]][:RIVALS]]).astype(np.int64)
        for own, one in enumerate(photo)
    ]
