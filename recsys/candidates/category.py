"""What is popular in the categories a user browses."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.schema import ContractError
from recsys.candidates import selection
from recsys.candidates.allowed import Allowed
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

    @cached_property
    def _group(self) -> NDArray[np.int64]:
        return np.asarray(self._category - self._category.min(initial=0), dtype=np.int64)

    @cached_property
    def _one_hot(self) -> sparse.csr_matrix:
        """CSR float32 (items, categories), 1 where an item is of a category."""
        n, n_groups = len(self._group), int(self._group.max(initial=0)) + 1
        cells = (np.ones(n, dtype=np.float32), (np.arange(n), self._group))
        return sparse.csr_matrix(cells, shape=(n, n_groups))

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
        scores = self._lift(user_positions)[:, self._group] * fitted.popularity
        return selection.with_popularity(scores, fitted, user_positions)

    def propose(
        self, user_positions: NDArray[np.int64], k: int, allowed: Allowed
    ) -> NDArray[np.int64]:
        # Outside the categories that a user touched items go by popularity alone, and within each
        # category too: no item can be among the best k that is not so in one of these lists.
        touched = sparse.csr_matrix(self._fitted().rows(user_positions) @ self._one_hot).tocoo()
        user, item = self._most_popular_of(
            touched.row.astype(np.int64), touched.col.astype(np.int64), k, allowed
        )
        return self._best_among(user_positions, user, item, k, allowed)

    def score_pairs(
        self,
        user_positions: NDArray[np.int64],
        user: NDArray[np.int64],
        item: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        fitted = self._fitted()
        scores = self._lift(user_positions)[user, self._group[item]] * fitted.popularity[item]
        return selection.pairs_with_popularity(scores, fitted, user_positions, user, item)

    def _lift(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """P(category | user) / P(category), float32 (n, categories)."""
        fitted = self._fitted()
        share = np.asarray(fitted.popularity @ self._one_hot, dtype=np.float32)
        own = np.asarray((fitted.rows(user_positions) @ self._one_hot).toarray())
        own = own + self.config.prior_weight * share
        lift = own / np.maximum(own.sum(axis=1, keepdims=True), 1e-12) / np.maximum(share, 1e-12)
        return np.asarray(lift, dtype=np.float32)

    def _most_popular_of(
        self,
        user: NDArray[np.int64],
        group: NDArray[np.int64],
        k: int,
        allowed: Allowed,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of each `user` and the most popular items of the category `group` beside it.

        Of the items allowed to everybody, `k` and as many as are hidden from the user.
        """
        order = np.lexsort((-self._fitted().popularity, self._group))
        order = order[allowed.items[order]]
        size = np.bincount(self._group[order], minlength=self._one_hot.shape[1])
        start = np.cumsum(size) - size
        wanted = np.minimum(k + np.diff(allowed.hidden.indptr)[user], size[group])
        step = np.arange(wanted.sum()) - np.repeat(np.cumsum(wanted) - wanted, wanted)
        return np.repeat(user, wanted), order[np.repeat(start[group], wanted) + step]

    def _arrays(self) -> Arrays:
        return {"category": self._category}

    @classmethod
    def _restored(
        cls, config: dict[str, Any], seed: int, arrays: Arrays, interactions: Interactions
    ) -> Self:
        return cls(arrays["category"], CategoryPopularityConfig(**config))
