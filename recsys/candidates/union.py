"""The candidates of several models as one set of rows, with every model's opinion of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.candidates.allowed import Allowed
from recsys.candidates.model import CandidateModel
from recsys.candidates.selection import top_k
from recsys.candidates.sparse_selection import LARGE_FROM, distinct_pairs, flat


@dataclass(frozen=True)
class CandidateRows:
    """`users` int64 (rows,) index into the users asked for, ascending, and `items` int64 (rows,)
    ascending within a user; `scores` float32 (rows, models); `ranks` float32 (rows, models), from
    1, NaN where the model did not propose the item."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    scores: NDArray[np.float32]
    ranks: NDArray[np.float32]


def union(
    models: Sequence[CandidateModel],
    user_positions: NDArray[np.int64],
    quotas: Sequence[int],
    allowed: Allowed,
) -> CandidateRows:
    """Items that any of `models` has among its best `quotas[model]` for each of (n,) users.

    A model of quota 0 proposes nothing, but its scores of what the others propose are there.
    `allowed` says what may be proposed. In a catalogue under `LARGE_FROM` items one dense
    (n, items) array per model is made: call it on batches of users.
    """
    if len(allowed.items) < LARGE_FROM:
        return _scored_outright(models, user_positions, quotas, allowed.mask())
    n_items = len(allowed.items)
    proposals = [
        model.propose(user_positions, quota, allowed) if quota else None
        for model, quota in zip(models, quotas, strict=True)
    ]
    proposed = [flat(best) for best in proposals if best is not None]
    nothing = np.empty(0, dtype=np.int64)
    users, items = distinct_pairs([(nothing, nothing), *proposed], n_items)
    keys = users * n_items + items
    scores = np.empty((len(keys), len(models)), dtype=np.float32)
    ranks = np.full((len(keys), len(models)), np.nan, dtype=np.float32)
    for index, (model, best) in enumerate(zip(models, proposals, strict=True)):
        scores[:, index] = model.score_pairs(user_positions, users, items)
        if best is not None:
            row, column = np.nonzero(best >= 0)
            at = np.searchsorted(keys, row * n_items + best[row, column])
            ranks[at, index] = column + 1
    return CandidateRows(users, items, scores, ranks)


def _scored_outright(
    models: Sequence[CandidateModel],
    user_positions: NDArray[np.int64],
    quotas: Sequence[int],
    allowed: NDArray[np.bool_],
) -> CandidateRows:
    n, n_items = allowed.shape
    scores = np.empty((len(models), n, n_items), dtype=np.float32)
    ranks = np.full((len(models), n, n_items), np.nan, dtype=np.float32)
    for index, (model, quota) in enumerate(zip(models, quotas, strict=True)):
        scores[index] = model.score(user_positions)
        if quota == 0:
            continue
        best, _ = top_k(np.where(allowed, scores[index], -np.inf), quota)
        row, column = np.nonzero(best >= 0)
        ranks[index, row, best[row, column]] = column + 1
    users, items = np.nonzero(np.isfinite(ranks).any(axis=0))
    return CandidateRows(
        users.astype(np.int64),
        items.astype(np.int64),
        np.ascontiguousarray(scores[:, users, items].T),
        np.ascontiguousarray(ranks[:, users, items].T),
    )
