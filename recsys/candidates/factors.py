"""Serving of matrix-factorisation models: a score is a dot product of user and item factors."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from features.products import steady_product
from recsys.candidates import retrieval, selection
from recsys.candidates.allowed import Allowed
from recsys.candidates.interactions import Interactions
from recsys.candidates.model import Arrays, CandidateModel
from recsys.candidates.selection import pairs_with_popularity, with_popularity
from recsys.candidates.sparse_selection import LARGE_FROM, flat, pair_products

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Factors:
    """Fitted factors: `users` float32 (users, d), `items` float32 (items, d)."""

    interactions: Interactions
    users: NDArray[np.float32]
    items: NDArray[np.float32]

    def __post_init__(self) -> None:
        # implicit reads a transposed matrix without complaint: the swap shows in these shapes.
        expected = (len(self.interactions.users), len(self.interactions.items))
        got = (len(self.users), len(self.items))
        if got != expected:
            raise AssertionError(f"factors of {got} (users, items), expected {expected}")

    def with_users(self, interactions: Interactions, users: Floats) -> Factors:
        """The same items for other users, and the index of the items with them."""
        other = Factors(interactions, users, self.items)
        other.__dict__["_allowed_index"] = self._allowed_index
        return other

    @classmethod
    def zeros(cls, interactions: Interactions) -> Factors:
        """Factors of a log without a single interaction: every user is cold."""
        users = np.zeros((len(interactions.users), 1), dtype=np.float32)
        items = np.zeros((len(interactions.items), 1), dtype=np.float32)
        return cls(interactions, users, items)

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores float32 (n, items) of (n,) users; cold users get the items' popularity."""
        known = np.maximum(user_positions, 0)
        with threadpool_limits(1, "blas"):
            scores = (
                steady_product(self.users[known], self.items.T)
                if len(self.users)
                else np.zeros((len(user_positions), len(self.items)), dtype=np.float32)
            )
        return with_popularity(scores, self.interactions, user_positions)

    def propose(
        self, user_positions: NDArray[np.int64], k: int, allowed: Allowed
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs (user, item) of the best `k` items that each user who is not cold may be shown."""
        warm = np.flatnonzero(~self.interactions.is_cold(user_positions))
        best = self._allowed_index.search(self.users[user_positions[warm]], k, allowed.of(warm))
        user, item = flat(best)
        return warm[user], item

    def score_pairs(
        self,
        user_positions: NDArray[np.int64],
        user: NDArray[np.int64],
        item: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """`score` at the cells (`user`, `item`), float32 (rows,)."""
        if not len(self.users):
            return self.interactions.popularity[item]
        scores = pair_products(self.users[np.maximum(user_positions, 0)], self.items, user, item)
        return pairs_with_popularity(scores, self.interactions, user_positions, user, item)

    @cached_property
    def _allowed_index(self) -> retrieval.AllowedIndex:
        return retrieval.AllowedIndex(self.items)

    @cached_property
    def _index(self) -> retrieval.InnerProductIndex:
        return retrieval.InnerProductIndex(self.items)

    def recommend(
        self, user_positions: NDArray[np.int64], k: int, exclude_seen: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Best `k` items of (n,) users; see `CandidateModel.recommend`."""
        users = np.asarray(user_positions, dtype=np.int64)
        known = self.interactions
        scanned = np.zeros(len(users), dtype=bool)
        if len(self.items) >= LARGE_FROM:
            inside = (users >= 0) & (users < len(known.users))
            scanned[inside] = ~known.is_cold(users[inside])
        positions = np.full((len(users), k), -1, dtype=np.int64)
        values = np.full((len(users), k), -np.inf, dtype=np.float32)
        positions[~scanned], values[~scanned] = selection.recommend(
            self.score, known, users[~scanned], k, exclude_seen
        )
        warm = users[scanned]
        if len(warm):
            seen = known.rows(warm) if exclude_seen else None
            positions[scanned], values[scanned] = self._index.search(self.users[warm], k, seen)
        return positions, values


class FactorModel(CandidateModel):
    """A candidate model that learns one vector of factors for each user and each item."""

    _factors: Factors | None = None

    @abstractmethod
    def _factorised(self, matrix: sparse.csr_matrix) -> tuple[Floats, Floats]:
        """Factors of users (users, d) and items (items, d) of a `matrix` with entries."""

    @classmethod
    @abstractmethod
    def _configured(cls, config: dict[str, Any], seed: int) -> Self:
        """A model of these settings, not fitted."""

    def score(self, user_positions: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._known().score(user_positions)

    def recommend(
        self, user_positions: NDArray[np.int64], k: int, exclude_seen: bool = True
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return self._known().recommend(user_positions, k, exclude_seen)

    def propose(
        self, user_positions: NDArray[np.int64], k: int, allowed: Allowed
    ) -> NDArray[np.int64]:
        user, item = self._known().propose(user_positions, k, allowed)
        return self._best_among(user_positions, user, item, k, allowed)

    def score_pairs(
        self,
        user_positions: NDArray[np.int64],
        user: NDArray[np.int64],
        item: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        return self._known().score_pairs(user_positions, user, item)

    def _learn(self, interactions: Interactions) -> None:
        if interactions.matrix.nnz == 0:
            self._factors = Factors.zeros(interactions)
        else:
            self._factors = Factors(interactions, *self._factorised(interactions.matrix))

    def _arrays(self) -> Arrays:
        return {"users": self._known().users, "items": self._known().items}

    @classmethod
    def _restored(
        cls, config: dict[str, Any], seed: int, arrays: Arrays, interactions: Interactions
    ) -> Self:
        model = cls._configured(config, seed)
        model._factors = Factors(interactions, arrays["users"], arrays["items"])
        return model

    def _known(self) -> Factors:
        self._fitted()
        assert self._factors is not None
        return self._factors
