"""Item nearest neighbours by shrunk cosine of who touched them (Sarwar et al. 2001)."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys.candidates import selection
from recsys.candidates.interactions import Interactions
from recsys.candidates.model import Arrays, CandidateModel, Sources
from recsys.candidates.reason_words import SHOPPERS
from recsys.config import ItemKNNConfig

_ITEMS_PER_BLOCK = 1024


class ItemKNN(CandidateModel):
    """Scores an item by its similarity to what the user touched, weight by weight."""

    name = "itemknn"
    reason = SHOPPERS
    config: ItemKNNConfig

    def __init__(self, config: ItemKNNConfig = ItemKNNConfig()) -> None:
        self.config = config
        self._similarity = sparse.csr_matrix((0, 0), dtype=np.float32)

    @classmethod
    def of(cls, sources: Sources) -> Self:
        return cls(sources.config.itemknn).fit(sources.log)

    def _learn(self, interactions: Interactions) -> None:
        self._similarity = similarity(interactions.matrix, self.config)

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        fitted = self._fitted()
        scores = (fitted.rows(user_positions) @ self._similarity.T).toarray()
        return selection.with_popularity(scores, fitted, user_positions, evidence_above=0.0)

    def _arrays(self) -> Arrays:
        return {
            "data": self._similarity.data,
            "indices": self._similarity.indices.astype(np.int64),
            "indptr": self._similarity.indptr.astype(np.int64),
        }

    @classmethod
    def _restored(
        cls, config: dict[str, Any], seed: int, arrays: Arrays, interactions: Interactions
    ) -> Self:
        model = cls(ItemKNNConfig(**config))
        n_items = len(interactions.items)
        parts = (arrays["data"], arrays["indices"], arrays["indptr"])
        model._similarity = sparse.csr_matrix(parts, shape=(n_items, n_items))
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
        block = (transposed[start : start + _ITEMS_PER_BLOCK] @ columns).toarray()
        rows = np.arange(len(block))
        bound = norms[start : start + len(block), None] * norms[None, :] + config.shrink
        cosine = np.divide(block, bound, out=np.zeros_like(block), where=bound > 0)
        cosine[rows, rows + start] = 0.0
        nearest, values = selection.top_k(cosine.astype(np.float32), config.neighbours)
        kept = (nearest >= 0) & (values > 0.0)
        row = np.broadcast_to(rows[:, None], nearest.shape)[kept]
        blocks.append(
            sparse.csr_matrix((values[kept], (row, nearest[kept])), shape=(len(block), n_items))
        )
    return sparse.csr_matrix(sparse.vstack(blocks, format="csr", dtype=np.float32))
