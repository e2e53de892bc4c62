"""The user's own items again: what shops with repeat purchases sell most."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.schema import NotFittedError
from recsys.candidates import selection, storage
from recsys.candidates.interactions import Interactions


@dataclass(frozen=True)
class HistoryConfig:
    """History has nothing to set: decay belongs to the interactions' weights."""


class History:
    """Scores an item by the user's own weight for it; items never touched follow by popularity."""

    name = "history"

    def __init__(self) -> None:
        self._interactions: Interactions | None = None

    def fit(self, interactions: Interactions) -> Self:
        self._interactions = interactions
        return self

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        fitted = self._fitted()
        own = np.asarray(fitted.rows(user_positions).toarray(), dtype=np.float32)
        return selection.with_popularity(own, fitted, user_positions, evidence_above=0.0)

    def recommend(
        self, user_positions: NDArray[np.int64], k: int, exclude_seen: bool = True
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return selection.recommend(self.score, self._fitted(), user_positions, k, exclude_seen)

    def save(self, directory: Path) -> None:
        storage.save_model(directory, self.name, HistoryConfig(), 0, self._fitted(), {})

    @classmethod
    def load(cls, directory: Path) -> Self:
        _, _, interactions, _ = storage.load_model(directory, cls.name)
        return cls().fit(interactions)

    def _fitted(self) -> Interactions:
        if self._interactions is None:
            raise NotFittedError("History was asked before fit or load")
        return self._interactions
