"""From scores of the whole catalogue to each user's best items."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.candidates.interactions import Interactions

Score = Callable[[NDArray[np.int64]], NDArray[np.float32]]

_CELLS_PER_BATCH = 1 << 22


def top_k(scores: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Positions and values of the `k` highest of each row of `scores` (n, items).

    Best first; equal scores by ascending position; -inf never counts. Returns int64 (n, k) and
    float32 (n, k), padded with -1 and -inf. Raises ContractError on a NaN or k < 1.
    """
    if k < 1:
        raise ContractError(f"k is {k}: expected at least 1")
    scores = np.asarray(scores, dtype=np.float32)
    if np.isnan(scores).any():
        raise ContractError(
            "scores hold a NaN: expected numbers, or -inf for what must not be shown"
        )
    n, n_items = scores.shape
    positions = np.full((n, k), -1, dtype=np.int64)
    values = np.full((n, k), -np.inf, dtype=np.float32)
    width = min(k, n_items)
    if n == 0 or width == 0:
        return positions, values
    # One unique integer per cell orders by score, then by position: partitioning it is exact
    # where partitioning floats would cut ties at random. Adding 0.0 makes -0.0 equal to 0.0.
    bits = (scores + np.float32(0.0)).view(np.int32).astype(np.int64)
    keys = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits) << 32
    keys |= np.int64(0xFFFFFFFF) - np.arange(n_items, dtype=np.int64)
    best = np.argpartition(keys, n_items - width, axis=1)[:, n_items - width :]
    order = np.argsort(-np.take_along_axis(keys, best, axis=1), axis=1)
    best = np.take_along_axis(best, order, axis=1)
    found = np.take_along_axis(scores, best, axis=1)
    positions[:, :width] = np.where(found == -np.inf, -1, best)
    values[:, :width] = found
    return positions, values


def user_batches(n: int, n_items: int) -> Iterator[slice]:
    """Slices of 0..n whose (users, items) scores stay within a bounded memory."""
    size = max(1, _CELLS_PER_BATCH // max(n_items, 1))
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def with_popularity(
    scores: NDArray[np.float32],
    interactions: Interactions,
    user_positions: NDArray[np.int64],
    evidence_above: float | None = None,
) -> NDArray[np.float32]:
    """`scores` (n, items), with cold users' rows replaced by the items' popularity.

    With `evidence_above`, scores not over it mean "nothing known": they become popularity - 1
    below that bound, so that they follow the known items in the order of popularity.
    """
    popularity = interactions.popularity
    if evidence_above is not None:
        below = np.float32(evidence_above) + popularity - np.float32(1.0)
        scores = np.where(scores > evidence_above, scores, below)
    cold = interactions.is_cold(user_positions)
    scores[cold] = popularity
    return np.asarray(scores, dtype=np.float32)


def pairs_with_popularity(
    scores: NDArray[np.float32],
    interactions: Interactions,
    user_positions: NDArray[np.int64],
    user: NDArray[np.int64],
    item: NDArray[np.int64],
    evidence_above: float | None = None,
) -> NDArray[np.float32]:
    """As `with_popularity`, of `scores` (rows,) at the cells (`user`, `item`)."""
    popularity = interactions.popularity[item]
    if evidence_above is not None:
        below = np.float32(evidence_above) + popularity - np.float32(1.0)
        scores = np.where(scores > evidence_above, scores, below)
    cold = interactions.is_cold(user_positions)[user]
    return np.asarray(np.where(cold, popularity, scores), dtype=np.float32)


def recommend(
    score: Score,
    interactions: Interactions,
    user_positions: NDArray[np.int64],
    k: int,
    exclude_seen: bool,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Best `k` items by `score` of (n,) users, batch by batch; see `CandidateModel.recommend`."""
    users = np.asarray(user_positions, dtype=np.int64)
    n_users = len(interactions.users)
    if len(users) and (users.min() < -1 or users.max() >= n_users):
        raise ContractError(
            f"user positions reach from {users.min()} to {users.max()}: "
            f"expected -1 (unknown) to {n_users - 1}"
        )
    positions = np.full((len(users), k), -1, dtype=np.int64)
    values = np.full((len(users), k), -np.inf, dtype=np.float32)
    for batch in user_batches(len(users), len(interactions.items)):
        scores = score(users[batch])
        if exclude_seen:
            seen = interactions.rows(users[batch]).tocoo()
            scores[seen.row, seen.col] = -np.inf
        positions[batch], values[batch] = top_k(scores, k)
    return positions, values
