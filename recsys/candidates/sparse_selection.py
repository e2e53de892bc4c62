"""Each user's best items out of a few, where scoring a large catalogue would cost too much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.products import steady_product
from recsys.candidates.allowed import Allowed
from recsys.candidates.interactions import Interactions
from recsys.candidates.selection import top_k, user_batches

LARGE_FROM: Final = 5_000
"""Items from which candidates are found without scoring all of them for every user."""
_USERS_PER_BATCH: Final = 512
_ROWS_PER_PRODUCT: Final = 1 << 15


def row_batches(n: int, n_items: int) -> Iterator[slice]:
    """Slices of 0..n whose candidates, and scores where all are made, fit a bounded memory."""
    if n_items < LARGE_FROM:
        yield from user_batches(n, n_items)
        return
    for start in range(0, n, _USERS_PER_BATCH):
        yield slice(start, min(start + _USERS_PER_BATCH, n))


def best_of(
    user: NDArray[np.int64],
    item: NDArray[np.int64],
    score: NDArray[np.float32],
    n: int,
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Items int64 (n, k) and scores of the `k` best pairs of each of `n` users, as `top_k`.

    Pairs (`user`, `item`), ascending and each once, with their `score`, float32 (rows,).
    """
    count = np.bincount(user, minlength=n)
    slot = np.arange(len(user)) - np.repeat(np.cumsum(count) - count, count)
    padded = np.full((n, max(int(count.max(initial=0)), 1)), -np.inf, dtype=np.float32)
    names = np.full(padded.shape, -1, dtype=np.int64)
    padded[user, slot], names[user, slot] = score, item
    best, values = top_k(padded, k)
    found = np.take_along_axis(names, np.maximum(best, 0), axis=1)
    return np.where(best >= 0, found, -1), values


def most_popular(interactions: Interactions, allowed: Allowed, k: int) -> NDArray[np.int64]:
    """The `k` most popular items that each user may be proposed, int64 (n, k), as `top_k`."""
    order = interactions.by_popularity
    order = order[allowed.items[order]]
    place = np.full(len(allowed.items), len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    cells = allowed.hidden.tocoo()
    at = place[cells.col]
    # A user with h hidden items has k others among the first k + h.
    reach = k + np.bincount(cells.row, minlength=allowed.n_users)
    near = at < np.minimum(reach[cells.row], len(order))
    row, at = cells.row[near], at[near]
    width = min(k + int(np.bincount(row, minlength=1).max(initial=0)), len(order))
    hidden = np.zeros((allowed.n_users, width), dtype=bool)
    inside = at < width
    hidden[row[inside], at[inside]] = True
    first = np.argsort(hidden, axis=1, kind="stable")[:, :k]
    best = np.full((allowed.n_users, k), -1, dtype=np.int64)
    shown = ~np.take_along_axis(hidden, first, axis=1)
    best[:, : first.shape[1]] = np.where(shown, order[first] if width else -1, -1)
    return best


def flat(best: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(user, item) of the cells of `best` (n, k) that are no -1."""
    user, column = np.nonzero(best >= 0)
    return user.astype(np.int64), best[user, column]


def distinct_pairs(
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]], n_items: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(user, item) of all `parts`, ascending, each once."""
    keys = np.unique(np.concatenate([user * n_items + item for user, item in parts]))
    return keys // n_items, keys % n_items


def pair_products(
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    user: NDArray[np.int64],
    item: NDArray[np.int64],
) -> NDArray[np.float32]:
    """left[user] . right[item], float32 (rows,), of (n, d) and (items, d).

    In a large catalogue each from its two vectors alone, else picked from the whole product.
    """
    if len(right) < LARGE_FROM:
        return np.asarray(steady_product(left, right.T)[user, item], dtype=np.float32)
    found = np.empty(len(user), dtype=np.float32)
    for start in range(0, len(user), _ROWS_PER_PRODUCT):
        rows = slice(start, start + _ROWS_PER_PRODUCT)
        found[rows] = np.einsum("ij,ij->i", left[user[rows]], right[item[rows]])
    return found
