"""EASE: a linear autoencoder of the user's items in closed form (Steck 2019)."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from features.schema import ContractError, InputError
from recsys.candidates import selection
from recsys.candidates.interactions import Interactions
from recsys.candidates.model import Arrays, CandidateModel, Sources
from recsys.candidates.reason_words import SHOPPERS
from recsys.config import EASEConfig

MAX_ITEMS = 20_000
"""Largest catalogue: the item-item matrix is dense (20,000 items take 3.2 GB while fitting)."""


class EASE(CandidateModel):
    """Scores an item by a linear mix of the items the user touched; weights count as touched."""

    name = "ease"
    reason = SHOPPERS
    config: EASEConfig

    def __init__(self, config: EASEConfig = EASEConfig()) -> None:
        self.config = config
        self._weights = np.empty((0, 0), dtype=np.float32)

    @classmethod
    def of(cls, sources: Sources) -> Self | None:
        if len(sources.log.items) > MAX_ITEMS:
            return None
        return cls(sources.config.ease).fit(sources.log)

    def _learn(self, interactions: Interactions) -> None:
        self._weights = item_weights(_touched(interactions.matrix), self.config.l2)

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        fitted = self._fitted()
        scores = np.asarray(_touched(fitted.rows(user_positions)) @ self._weights)
        return selection.with_popularity(scores, fitted, user_positions)

    def _arrays(self) -> Arrays:
        return {"weights": self._weights}

    @classmethod
    def _restored(
        cls, config: dict[str, Any], seed: int, arrays: Arrays, interactions: Interactions
    ) -> Self:
        model = cls(EASEConfig(**config))
        model._weights = arrays["weights"]
        return model


def item_weights(matrix: sparse.csr_matrix, l2: float) -> NDArray[np.float32]:
    """Item-item weights B of EASE for `matrix` (users, items), float32 (items, items).

    With P = (X'X + l2 I)^-1: B_ij = -P_ij / P_jj, B_jj = 0; scores are X B (eq. 8 of Steck 2019).
    Raises ContractError when l2 is not over 0, InputError on more than `MAX_ITEMS` items.
    """
    n_items = matrix.shape[1]
    if not l2 > 0.0:
        raise ContractError(f"EASE l2 is {l2}: expected a number over 0")
    if n_items > MAX_ITEMS:
        raise InputError(
            f"EASE got {n_items} items: expected at most {MAX_ITEMS}; use ItemKNN or ALS instead"
        )
    if n_items == 0:
        return np.empty((0, 0), dtype=np.float32)
    gram = sparse.csr_matrix(matrix, dtype=np.float64)
    gram = (gram.T @ gram).toarray()
    gram[np.diag_indices(n_items)] += l2
    factor = linalg.cho_factor(gram, overwrite_a=True)
    inverse = linalg.cho_solve(factor, np.eye(n_items), overwrite_b=True)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights, dtype=np.float32)


def _touched(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    ones = matrix.copy()
    ones.data = np.ones_like(ones.data)
    return ones
