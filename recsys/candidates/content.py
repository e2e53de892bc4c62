"""Items like those the user touched, by what is known of the items themselves."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from features.products import steady_product
from features.schema import ContractError
from recsys.candidates import selection
from recsys.candidates.allowed import Allowed
from recsys.candidates.interactions import Interactions
from recsys.candidates.model import Arrays, CandidateModel, Sources
from recsys.candidates.reason_words import SIMILAR
from recsys.candidates.retrieval import AllowedIndex
from recsys.candidates.sparse_selection import flat, pair_products


class Content(CandidateModel):
    """Scores an item by its cosine with the weighted mean of the user's items.

    Serves items nobody ever touched, as long as they have a vector (Lops et al. 2011).
    """

    name = "content"
    reason = SIMILAR

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        """`vectors` float32 (items, d), unit rows in the order of the interactions' items, zeros
        where nothing is known: such items follow the others, by popularity."""
        self._vectors = vectors
        self._known: NDArray[np.bool_] = np.any(vectors, axis=1)
        self._index = AllowedIndex(vectors, self._known)

    @classmethod
    def of(cls, sources: Sources) -> Self | None:
        return cls(sources.content).fit(sources.log) if sources.content.any() else None

    def _learn(self, interactions: Interactions) -> None:
        if len(self._vectors) != len(interactions.items):
            raise ContractError(
                f"got {len(self._vectors)} item vectors for {len(interactions.items)} items: "
                "expected one row for each, zeros where nothing is known"
            )

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        fitted = self._fitted()
        profile = self._profiles(user_positions)
        scores = steady_product(profile, self._vectors.T)
        # A cosine of -1 or less is left to what has no vector at all.
        scores[:, ~self._known] = -2.0
        scores[~profile.any(axis=1)] = -2.0
        return selection.with_popularity(scores, fitted, user_positions, evidence_above=-1.5)

    def propose(
        self, user_positions: NDArray[np.int64], k: int, allowed: Allowed
    ) -> NDArray[np.int64]:
        profile = self._profiles(user_positions)
        warm = np.flatnonzero(profile.any(axis=1))
        user, item = flat(self._index.search(profile[warm], k, allowed.of(warm)))
        return self._best_among(user_positions, warm[user], item, k, allowed)

    def score_pairs(
        self,
        user_positions: NDArray[np.int64],
        user: NDArray[np.int64],
        item: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        profile, known = self._profiles(user_positions), self._known
        scores = pair_products(profile, self._vectors, user, item)
        cold: NDArray[np.bool_] = ~np.asarray(profile.any(axis=1), dtype=bool)
        scores[~known[item] | cold[user]] = -2.0
        fitted = self._fitted()
        return selection.pairs_with_popularity(scores, fitted, user_positions, user, item, -1.5)

    def _profiles(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Unit vectors (n, d) of what the users touched, zeros where nothing is known."""
        profile = np.asarray(self._fitted().rows(user_positions) @ self._vectors)
        norms = np.linalg.norm(profile, axis=1, keepdims=True)
        return np.asarray(profile / np.maximum(norms, 1e-12), dtype=np.float32)

    def _arrays(self) -> Arrays:
        return {"vectors": self._vectors}

    @classmethod
    def _restored(
        cls, config: dict[str, Any], seed: int, arrays: Arrays, interactions: Interactions
    ) -> Self:
        return cls(arrays["vectors"])
