"""The same items for everybody: those with the largest total weight."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recsys.candidates.allowed import Allowed
from recsys.candidates.interactions import Interactions
from recsys.candidates.model import Arrays, CandidateModel, Sources
from recsys.candidates.reason_words import POPULAR
from recsys.candidates.sparse_selection import most_popular


class Popularity(CandidateModel):
    """Scores an item by its share of the total weight; decay belongs to the weights."""

    name = "popularity"
    reason = POPULAR

    @classmethod
    def of(cls, sources: Sources) -> Self:
        return cls().fit(sources.log)

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.tile(self._fitted().popularity, (len(user_positions), 1))

    def propose(
        self, user_positions: NDArray[np.int64], k: int, allowed: Allowed
    ) -> NDArray[np.int64]:
        return most_popular(self._fitted(), allowed, k)

    def score_pairs(
        self,
        user_positions: NDArray[np.int64],
        user: NDArray[np.int64],
        item: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        return self._fitted().popularity[item]

    @classmethod
    def _restored(
        cls, config: dict[str, Any], seed: int, arrays: Arrays, interactions: Interactions
    ) -> Self:
        return cls()
