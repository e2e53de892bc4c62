"""Content vectors of items whose pictures nobody has seen, from their titles, prices and kinds."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.ids import IdMap
from features.schema import STYLE_CODE_SIZE
from recsys.candidates.selection import top_k
from recsys.ranking.item_representation import BlockWeights, ItemRepresentation
from recsys.ranking.snapshot import ItemFeatures, units

NEIGHBOURS: Final = 20
_WITHOUT_PICTURES: Final = BlockWeights(content=0.0, style=0.0)
_BATCH: Final = 1024


def complete_content(
    content: NDArray[np.float32], items: pd.DataFrame, item_map: IdMap, seed: int
) -> NDArray[np.float32]:
    """`content` (n, d) with its rows of zeros filled in, unit vectors float32 (n, d).

    `content`: unit vectors of `item_map`'s items, zeros where unknown; `items`: item_id, optional
    title, price (0 or more) and category. An unknown item gets the mean vector of the NEIGHBOURS
    known items nearest by title, price and category, weighted by their cosines (attribute-based
    cold start: Gantner et al. 2010); where no picture is known at all, all items get
    `ItemRepresentation` vectors of what there is. Zeros stay where nothing is known. Nothing here
    comes from events. Raises InputError on a negative price.
    """
    known = content.any(axis=1)
    if known.all():
        return content
    ids = pd.Index(item_map.ids, name="item_id")
    table = items.drop_duplicates("item_id").set_index("item_id").reindex(ids).reset_index()
    no_pictures = ItemFeatures(
        np.empty(0, dtype=object),
        np.empty((0, 1), dtype=np.float32),
        np.empty((0, STYLE_CODE_SIZE), dtype=np.float32),
    )
    representation = ItemRepresentation(weights=_WITHOUT_PICTURES, seed=seed)
    vectors = representation.fit(table, no_pictures).encode(table, no_pictures)
    if not known.any():
        return vectors
    filled = content.copy()
    unknown = np.flatnonzero(~known & vectors.any(axis=1))
    for start in range(0, len(unknown), _BATCH):
        part = unknown[start : start + _BATCH]
        nearest, cosine = top_k(vectors[part] @ vectors[known].T, NEIGHBOURS)
        weight = np.where(nearest >= 0, np.maximum(cosine, 0.0), 0.0)
        filled[part] = units(np.einsum("nk,nkd->nd", weight, content[known][nearest]))
    return filled
