"""The user's own items again: what shops with repeat purchases sell most."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recsys.candidates import selection
from recsys.candidates.allowed import Allowed, look_up
from recsys.candidates.interactions import Interactions
from recsys.candidates.model import Arrays, CandidateModel, Sources
from recsys.candidates.reason_words import AGAIN


class History(CandidateModel):
    """Scores an item by the user's own weight for it; items never touched follow by popularity."""

    name = "history"
    reason = AGAIN

    @classmethod
    def of(cls, sources: Sources) -> Self | None:
        return None if sources.config.exclude_seen else cls().fit(sources.log)

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        fitted = self._fitted()
        own = np.asarray(fitted.rows(user_positions).toarray(), dtype=np.float32)
        return selection.with_popularity(own, fitted, user_positions, evidence_above=0.0)

    def propose(
        self, user_positions: NDArray[np.int64], k: int, allowed: Allowed
    ) -> NDArray[np.int64]:
        own = self._fitted().rows(user_positions).tocoo()
        user, item = own.row.astype(np.int64), own.col.astype(np.int64)
        return self._best_among(user_positions, user, item, k, allowed)

    def score_pairs(
        self,
        user_positions: NDArray[np.int64],
        user: NDArray[np.int64],
        item: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        fitted = self._fitted()
        own = look_up(fitted.rows(user_positions), user, item)
        return selection.pairs_with_popularity(own, fitted, user_positions, user, item, 0.0)

    @classmethod
    def _restored(
        cls, config: dict[str, Any], seed: int, arrays: Arrays, interactions: Interactions
    ) -> Self:
        return cls()
