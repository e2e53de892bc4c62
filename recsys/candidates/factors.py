"""Serving of matrix-factorisation models: a score is a dot product of user and item factors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recsys.candidates.interactions import Interactions
from recsys.candidates.selection import with_popularity


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
                self.users[known] @ self.items.T
                if len(self.users)
                else np.zeros((len(user_positions), len(self.items)), dtype=np.float32)
            )
        return with_popularity(scores, self.interactions, user_positions)
