"""The user's own items again: what shops with repeat purchases sell most."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys.candidates.interactions import Interactions
from recsys.candidates.model import Arrays, Sources
from recsys.candidates.reason_words import AGAIN
from recsys.candidates.sparse_evidence import SparseEvidence


class History(SparseEvidence):
    """Scores an item by the user's own weight for it; items never touched follow by popularity."""

    name = "history"
    reason = AGAIN

    @classmethod
    def of(cls, sources: Sources) -> Self | None:
        return None if sources.config.exclude_seen else cls().fit(sources.log)

    def _evidence(self, user_positions: NDArray[np.int64]) -> sparse.csr_matrix:
        return self._fitted().rows(user_positions)

    @classmethod
    def _restored(
        cls, config: dict[str, Any], seed: int, arrays: Arrays, interactions: Interactions
    ) -> Self:
        return cls()
