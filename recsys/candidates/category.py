"""What is popular in the categories a user browses."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.candidates import selection
from recsys.candidates.interactions import Interactions
from recsys.candidates.model import Arrays, CandidateModel, Sources
from recsys.candidates.reason_words import CATEGORY
from recsys.config import CategoryPopularityConfig


class CategoryPopularity(CandidateModel):
    """Scores an item by P(category | user) P(item | category), shares of weight, the first shrunk.

    An item without a category is a category of its own kind with the others that have none.
    """

    name = "category"
    reason = CATEGORY
    config: CategoryPopularityConfig

    def __init__(
        self,
        category: NDArray[np.int64],
        config: CategoryPopularityConfig = CategoryPopularityConfig(),
    ) -> None:
        """`category` int64 (items,), in the order of the interactions' items, -1 for none."""
        self.config = config
        self._category = category

    @classmethod
    def of(cls, sources: Sources) -> Self | None:
        known = (sources.category >= 0).any()
        return cls(sources.category).fit(sources.log) if known else None

    def _learn(self, interactions: Interactions) -> None:
        if len(self._category) != len(interactions.items):
            raise ContractError(
                f"got categories of {len(self._category)} items for {len(interactions.items)}: "
                "expected one for each, -1 for none"
            )

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        fitted = self._fitted()
        group = self._category - self._category.min(initial=0)
        one_hot = (group[:, None] == np.arange(int(group.max(initial=0)) + 1)).astype(np.float32)
        share = fitted.popularity @ one_hot
        own = np.asarray(fitted.rows(user_positions) @ one_hot) + self.config.prior_weight * share
        lift = own / np.maximum(own.sum(axis=1, keepdims=True), 1e-12) / np.maximum(share, 1e-12)
        scores = lift[:, group] * fitted.popularity
        return selection.with_popularity(scores, fitted, user_positions)

    def _arrays(self) -> Arrays:
        return {"category": self._category}

    @classmethod
    def _restored(
        cls, config: dict[str, Any], seed: int, arrays: Arrays, interactions: Interactions
    ) -> Self:
        return cls(arrays["category"], CategoryPopularityConfig(**config))
