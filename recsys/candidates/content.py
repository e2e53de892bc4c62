"""Items like those the user touched, by what is known of the items themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.schema import InputError, NotFittedError
from recsys.candidates import selection, storage
from recsys.candidates.interactions import Interactions


@dataclass(frozen=True)
class ContentConfig:
    """Content has nothing to set: all its knowledge is in the vectors."""


class Content:
    """Scores an item by its cosine with the weighted mean of the user's items.

    Serves items nobody ever touched, as long as they have a vector (Lops et al. 2011).
    """

    name = "content"

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        """`vectors` float32 (items, d), unit rows in the order of the interactions' items, zeros
        where nothing is known: such items follow the others, by popularity."""
        self._vectors = vectors
        self._interactions: Interactions | None = None

    def fit(self, interactions: Interactions) -> Self:
        if len(self._vectors) != len(interactions.items):
            raise InputError(
                f"got {len(self._vectors)} item vectors for {len(interactions.items)} items: "
                "expected one row for each, zeros where nothing is known"
            )
        self._interactions = interactions
        return self

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        fitted = self._fitted()
        profile = np.asarray(fitted.rows(user_positions) @ self._vectors)
        norms = np.linalg.norm(profile, axis=1, keepdims=True)
        scores = (profile / np.maximum(norms, 1e-12)) @ self._vectors.T
        # A cosine of -1 or less is left to what has no vector at all.
        scores[:, ~self._vectors.any(axis=1)] = -2.0
        scores[norms[:, 0] == 0.0] = -2.0
        return selection.with_popularity(scores, fitted, user_positions, evidence_above=-1.5)

    def recommend(
        self, user_positions: NDArray[np.int64], k: int, exclude_seen: bool = True
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return selection.recommend(self.score, self._fitted(), user_positions, k, exclude_seen)

    def save(self, directory: Path) -> None:
        arrays = {"vectors": self._vectors}
        storage.save_model(directory, self.name, ContentConfig(), 0, self._fitted(), arrays)

    @classmethod
    def load(cls, directory: Path) -> Self:
        _, _, interactions, arrays = storage.load_model(directory, cls.name)
        return cls(arrays["vectors"]).fit(interactions)

    def _fitted(self) -> Interactions:
        if self._interactions is None:
            raise NotFittedError("Content was asked before fit or load")
        return self._interactions
