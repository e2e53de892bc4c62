"""Item nearest neighbours by shrunk cosine of who touched them (Sarwar et al. 2001)."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.array_files import sparse_from, sparse_parts
from recsys.candidates.interactions import Interactions
from recsys.candidates.model import Arrays, Sources
from recsys.candidates.reason_words import SHOPPERS
from recsys.candidates.sparse_evidence import SparseEvidence
from recsys.config import ItemKNNConfig

_ITEMS_PER_BLOCK = 1024


class ItemKNN(SparseEvidence):
    """Scores an item by its similarity to what the user touched, weight by weight."""

    name = "itemknn"
    reason = SHOPPERS
    config: ItemKNNConfig

    def __init__(self, config: ItemKNNConfig = ItemKNNConfig()) -> None:
        self.config = config
        # Row by row what an item touched says of all others.
        self._from_item = sparse.csr_matrix((0, 0), dtype=np.float32)

    @classmethod
    def of(cls, sources: Sources) -> Self:
        return cls(sources.config.itemknn).fit(sources.log)

    def _learn(self, interactions: Interactions) -> None:
        self._from_item = similarity(interactions.matrix, self.config).T.tocsr()

    def _evidence(self, user_positions: NDArray[np.int64]) -> sparse.csr_matrix:
        return sparse.csr_matrix(self._fitted().rows(user_positions) @ self._from_item)

    def _arrays(self) -> Arrays:
        return sparse_parts("from_item", self._from_item)

    @classmethod
    def _restored(
        cls, config: dict[str, Any], seed: int, arrays: Arrays, interactions: Interactions
    ) -> Self:
        model = cls(ItemKNNConfig(**config))
        n_items = len(interactions.items)
        model._from_item = sparse_from("from_item", arrays, (n_items, n_items))
        return model


def similarity(matrix: sparse.csr_matrix, config: ItemKNNConfig) -> sparse.csr_matrix:
    """Shrunk cosine of the columns of `matrix` (users, items): each row keeps its neighbours.

    sim(i, j) = x_i . x_j / (|x_i| |x_j| + shrink), the diagonal left out, ties by position.
    Returns CSR float32 (items, items) with at most `config.neighbours` per row.
    """
    columns = sparse.csc_matrix(matrix, dtype=np.float64)
    norms = np.sqrt(np.asarray(columns.multiply(columns).sum(axis=0))).ravel()
    transposed = columns.T.tocsr()
    n_items = columns.shape[1]
    blocks = [sparse.csr_matrix((0, n_items), dtype=np.float32)]
    for start in range(0, n_items, _ITEMS_PER_BLOCK):
        block = sparse.csr_matrix(transposed[start : start + _ITEMS_PER_BLOCK] @ columns)
        shared = block.tocoo()
        bound = norms[start + shared.row] * norms[shared.col] + config.shrink
        cosine = (shared.data / np.maximum(bound, 1e-300)).astype(np.float32)
        others = (shared.col != shared.row + start) & (cosine > 0.0)
        row, column, cosine = shared.row[others], shared.col[others], cosine[others]
        order = np.lexsort((column, -cosine, row))
        count = np.bincount(row, minlength=block.shape[0])
        place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        kept = order[place < config.neighbours]
        cells = (cosine[kept], (row[kept], column[kept]))
        blocks.append(sparse.csr_matrix(cells, shape=block.shape))
    return sparse.csr_matrix(sparse.vstack(blocks, format="csr", dtype=np.float32))
