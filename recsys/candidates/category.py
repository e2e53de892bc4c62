"""What is popular in the categories a user browses."""

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
class CategoryPopularityConfig:
    """`prior_weight` of the catalogue's own category shares is added to each user's weights."""

    prior_weight: float = 1.0


class CategoryPopularity:
    """Scores an item by P(category | user) P(item | category), shares of weight, the first shrunk.

    An item without a category is a category of its own kind with the others that have none.
    """

    name = "category"

    def __init__(
        self,
        category: NDArray[np.int64],
        config: CategoryPopularityConfig = CategoryPopularityConfig(),
    ) -> None:
        """`category` int64 (items,), in the order of the interactions' items, -1 for none."""
        self.config = config
        self._category = category
        self._interactions: Interactions | None = None

    def fit(self, interactions: Interactions) -> Self:
        if len(self._category) != len(interactions.items):
            raise InputError(
                f"got categories of {len(self._category)} items for {len(interactions.items)}: "
                "expected one for each, -1 for none"
            )
        self._interactions = interactions
        return self

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        fitted = self._fitted()
        group = self._category - self._category.min(initial=0)
        one_hot = (group[:, None] == np.arange(int(group.max(initial=0)) + 1)).astype(np.float32)
        share = fitted.popularity @ one_hot
        own = np.asarray(fitted.rows(user_positions) @ one_hot) + self.config.prior_weight * share
        lift = own / np.maximum(own.sum(axis=1, keepdims=True), 1e-12) / np.maximum(share, 1e-12)
        scores = lift[:, group] * fitted.popularity
        return selection.with_popularity(scores, fitted, user_positions)

    def recommend(
        self, user_positions: NDArray[np.int64], k: int, exclude_seen: bool = True
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return selection.recommend(self.score, self._fitted(), user_positions, k, exclude_seen)

    def save(self, directory: Path) -> None:
        arrays = {"category": self._category}
        storage.save_model(directory, self.name, self.config, 0, self._fitted(), arrays)

    @classmethod
    def load(cls, directory: Path) -> Self:
        config, _, interactions, arrays = storage.load_model(directory, cls.name)
        return cls(arrays["category"], CategoryPopularityConfig(**config)).fit(interactions)

    def _fitted(self) -> Interactions:
        if self._interactions is None:
            raise NotFittedError("CategoryPopularity was asked before fit or load")
        return self._interactions
