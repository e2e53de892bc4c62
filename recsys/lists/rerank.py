"""Re-orders a user's candidates: variety of items, and at most so many of a category."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.config import RerankConfig
from recsys.lists.dpp import DPP


class _Chooser(Protocol):
    def best(self, free: NDArray[np.bool_]) -> int: ...

    def place(self, position: int) -> None: ...


class MMR:
    """Maximal marginal relevance (Carbonell and Goldstein 1998).

    Each place goes to the highest (1 - variety) relevance - variety (highest cosine with those
    already placed), ties to the earlier candidate. O(n d) a place.
    """

    def __init__(
        self, relevance: NDArray[np.floating], vectors: NDArray[np.floating], variety: float
    ) -> None:
        """`relevance` (n,) in 0..1; `vectors` (n, d) unit rows; `variety` in 0..1."""
        self._relevance = relevance
        self._vectors = np.asarray(vectors, dtype=np.float64)
        self._variety = variety
        self._closest = np.full(len(relevance), -1.0)

    def best(self, free: NDArray[np.bool_]) -> int:
        """Which `free` (n,) item has the next place."""
        value = (1.0 - self._variety) * self._relevance - self._variety * self._closest
        return int(np.where(free, value, -np.inf).argmax())

    def place(self, position: int) -> None:
        """Give the next place to the item at `position`."""
        cosine = self._vectors @ self._vectors[position]
        self._closest = np.maximum(self._closest, cosine)


def rerank(
    scores: NDArray[np.floating],
    embeddings: NDArray[np.floating],
    categories: NDArray[np.int64],
    k: int,
    config: RerankConfig,
) -> NDArray[np.int64]:
    """Positions of the `k` candidates of one user to show, best first, int64 (min(k, n),).

    `scores` (n,), higher is better, best first; `embeddings` (n, d), unit vectors; `categories`
    int64 (n,), -1 for none, which no cap concerns. Relevance is the score scaled to [0, 1] over
    the candidates; a DPP weighs it by (1 - variety) / variety. Where the caps leave too few, the
    list is filled up in spite of them. Exploration is left to `recsys.lists.exploration`. Raises
    ContractError on a length mismatch or scores that rise.
    """
    n = len(scores)
    if len(embeddings) != n or len(categories) != n:
        raise ContractError(
            f"got {n} scores, {len(embeddings)} embeddings and {len(categories)} categories: "
            "expected one of each per candidate"
        )
    if (np.diff(scores) > 0).any():
        raise ContractError("scores rise: expected the candidates best first")
    if n == 0:
        return np.empty(0, dtype=np.int64)
    spread = float(scores[0] - scores[-1])
    relevance = (scores - scores[-1]) / spread if spread > 0 else np.zeros(n)
    chooser: _Chooser
    if config.method == "dpp" and config.variety > 0.0:
        # Bounded, as a strength that overflows would leave 0 * infinity.
        strength = (1.0 - config.variety) / max(config.variety, 1e-9)
        chooser = DPP(relevance, embeddings, k, strength)
    else:
        chooser = MMR(relevance, embeddings, config.variety)
    free = np.ones(n, dtype=bool)
    order: list[int] = []
    for _ in range(min(k, n)):
        open_ = free & ~full(categories, order, config.max_per_category)
        place = chooser.best(open_ if open_.any() else free)
        order.append(place)
        free[place] = False
        chooser.place(place)
    return np.array(order, dtype=np.int64)


def full(categories: NDArray[np.int64], placed: list[int], most: int | None) -> NDArray[np.bool_]:
    """Which candidates (n,) are of a category that `most` of the `placed` are of."""
    if most is None:
        return np.zeros(len(categories), dtype=bool)
    counts = np.bincount(categories[placed] + 1, minlength=int(categories.max(initial=-1)) + 2)
    return np.asarray((counts[categories + 1] >= most) & (categories >= 0), dtype=bool)
