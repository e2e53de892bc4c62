"""Models that know a user's few cells of the catalogue and leave the rest to popularity."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys.candidates import selection
from recsys.candidates.allowed import Allowed, look_up
from recsys.candidates.model import CandidateModel


class SparseEvidence(CandidateModel):
    """Scores by `_evidence`; items without any follow those with some, by popularity."""

    @abstractmethod
    def _evidence(self, user_positions: NDArray[np.int64]) -> sparse.csr_matrix:
        """What speaks for items, above 0, CSR float32 (n, items), of (n,) users."""

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        scores = np.asarray(self._evidence(user_positions).toarray(), dtype=np.float32)
        return selection.with_popularity(scores, self._fitted(), user_positions, evidence_above=0.0)

    def propose(
        self, user_positions: NDArray[np.int64], k: int, allowed: Allowed
    ) -> NDArray[np.int64]:
        known = self._evidence(user_positions).tocoo()
        user, item = known.row.astype(np.int64), known.col.astype(np.int64)
        return self._best_among(user_positions, user, item, k, allowed)

    def score_pairs(
        self,
        user_positions: NDArray[np.int64],
        user: NDArray[np.int64],
        item: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        scores = look_up(self._evidence(user_positions), user, item)
        return selection.pairs_with_popularity(
            scores, self._fitted(), user_positions, user, item, 0.0
        )
