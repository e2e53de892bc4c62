"""Re-orders a user's candidates: variety of items, and at most so many of a category."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.schema import ConfigError, InputError


@dataclass(frozen=True)
class RerankConfig:
    """`variety` in [0, 1] weighs dissimilarity against relevance: 0 keeps the ranking.

    `max_per_category` items of one category at most (None: any number), while others are left.
    """

    variety: float = 0.0
    max_per_category: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.variety <= 1.0:
            raise ConfigError(f"rerank.variety is {self.variety}: expected a number in [0, 1]")
        if self.max_per_category is not None and self.max_per_category < 1:
            raise ConfigError(
                f"rerank.max_per_category is {self.max_per_category}: expected at least 1 or None"
            )


def rerank(
    scores: NDArray[np.floating],
    embeddings: NDArray[np.floating],
    categories: NDArray[np.int64],
    k: int,
    config: RerankConfig,
) -> NDArray[np.int64]:
    """Positions of the `k` candidates of one user to show, best first, int64 (min(k, n),).

    `scores` (n,), higher is better, best first; `embeddings` (n, d), unit vectors; `categories`
    int64 (n,), -1 for none, which no cap concerns. Maximal marginal relevance (Carbonell and
    Goldstein 1998): each place goes to the highest (1 - variety) relevance - variety (highest
    cosine with those already placed), relevance being the score scaled to [0, 1] over the
    candidates; ties go to the earlier candidate. Where the caps leave too few, the list is filled
    up in spite of them. Raises InputError on a length mismatch or scores that rise.
    """
    n = len(scores)
    if len(embeddings) != n or len(categories) != n:
        raise InputError(
            f"got {n} scores, {len(embeddings)} embeddings and {len(categories)} categories: "
            "expected one of each per candidate"
        )
    if (np.diff(scores) > 0).any():
        raise InputError("scores rise: expected the candidates best first")
    if n == 0:
        return np.empty(0, dtype=np.int64)
    spread = float(scores[0] - scores[-1])
    relevance = (scores - scores[-1]) / spread if spread > 0 else np.zeros(n)
    vectors = np.asarray(embeddings, dtype=np.float64)
    closest = np.full(n, -1.0)
    free = np.ones(n, dtype=bool)
    used: dict[int, int] = {}
    order: list[int] = []
    for _ in range(min(k, n)):
        full = [name for name, count in used.items() if count == config.max_per_category]
        open_ = free & ~np.isin(categories, full)
        open_ = open_ if open_.any() else free
        value = (1.0 - config.variety) * relevance - config.variety * closest
        place = int(np.where(open_, value, -np.inf).argmax())
        order.append(place)
        free[place] = False
        if categories[place] >= 0:
            used[int(categories[place])] = used.get(int(categories[place]), 0) + 1
        closest = np.maximum(closest, vectors @ vectors[place])
    return np.array(order, dtype=np.int64)
