"""What the ranker is told about a (user, item) pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys.candidates.allowed import look_up
from recsys.candidates.sparse_selection import pair_products
from recsys.candidates.union import CandidateRows
from recsys.ranking.revisits import TOUCH_COLUMNS
from recsys.ranking.snapshot import ITEM_COLUMNS, Snapshot, pick_rows, units

PAIR_COLUMNS: Final = (
    "popularity",
    "recent_popularity",
    "recent_trend",
    "days_since_touched",
    "age_days",
    "click_rate",
    "price",
    "price_ratio",
    "category_affinity",
    "content_similarity",
    "style_similarity",
    "style_strength",
    "look_affinity",
    "user_items",
    "times_shown",
    *TOUCH_COLUMNS,
)


def feature_names(models: Sequence[str]) -> list[str]:
    """Columns of `pair_features` for these candidate models."""
    return [*(f"score_{m}" for m in models), *(f"rank_{m}" for m in models), *PAIR_COLUMNS]


def pair_features(
    known: Snapshot, user_positions: NDArray[np.int64], rows: CandidateRows
) -> NDArray[np.float32]:
    """Features float32 (rows, features) of `rows`, by `feature_names`, NaN where unknown.

    `user_positions` int64 (n,): the users that `rows.users` index, -1 unknown. In a catalogue
    under `LARGE_FROM` items some dense (n, items) arrays are made: call it on batches of users.
    """
    user, item = rows.users, rows.items
    position = user_positions[user]
    touched = known.interactions.rows(user_positions)
    weight = np.asarray(touched.sum(axis=1)).ravel()[:, None]
    share = touched.multiply(1.0 / np.maximum(weight, 1e-12)).tocsr()
    warm = weight[user, 0] > 0

    columns = dict(zip(ITEM_COLUMNS, known.item_columns[item].T, strict=True))
    price = np.nan_to_num(known.item_columns[:, ITEM_COLUMNS.index("price")])
    priced = share @ (price > 0).astype(np.float32)
    mean_price = (share @ price) / np.where(priced > 0, priced, np.nan)
    own_category = _category_shares(known, share)[user, known.category[item]]
    profile = units(share @ known.content)
    taste_style = pick_rows(known.taste_style, user_positions)
    taste = pick_rows(known.taste, user_positions, fill=np.nan)[user]
    content = pair_products(profile, known.content, user, item)
    style = pair_products(taste_style, known.style, user, item)
    n_seen = np.diff(touched.indptr)[user]
    shown = look_up(known.shown.rows(user_positions), user, item)
    unknown = np.float32(np.nan)
    # 0 is the average item; the offset tells apart only items with under 1 % of its share.
    overall, recent = (
        np.log(columns[name] * len(known.item_columns) + 0.01) for name in ("popularity", "recent")
    )
    pairs = [
        overall,
        recent,
        recent - overall,
        columns["last_days"],
        columns["age_days"],
        columns["click_rate"],
        columns["price"],
        columns["price"] / mean_price[user],
        np.where(warm & (known.category[item] >= 0), own_category, unknown),
        np.where(warm & known.content[item].any(axis=1), content, unknown),
        np.where(taste_style[user].any(axis=1), style, unknown),
        *taste.T,
        np.where(position >= 0, n_seen, 0),
        shown,
    ]
    stacked = np.stack([np.asarray(pair, dtype=np.float32) for pair in pairs], axis=1)
    history = known.touches.columns(user_positions, user, item)
    scores = _standardised(rows.scores, user, len(user_positions))
    return np.concatenate([scores, rows.ranks, stacked, history], axis=1)


def _category_shares(known: Snapshot, share: sparse.csr_matrix) -> NDArray[np.float32]:
    """What of each user's weight is in each category, (n, categories + 1), 0 in the last."""
    n_categories = int(known.category.max(initial=-1)) + 1
    kept = np.flatnonzero(known.category >= 0)
    cells = (np.ones(len(kept), dtype=np.float32), (kept, known.category[kept]))
    one_hot = sparse.csr_matrix(cells, shape=(len(known.category), n_categories + 1))
    return np.asarray((share @ one_hot).toarray())


def _standardised(
    scores: NDArray[np.float32], user: NDArray[np.int64], n_users: int
) -> NDArray[np.float32]:
    """`scores` (rows, models) less each user's mean, over the user's spread.

    The scales of the models differ between users and drift as the log grows: trees cut at fixed
    values would read that as preference.
    """
    n_rows = np.maximum(np.bincount(user, minlength=n_users), 1)
    columns = []
    for column in scores.T.astype(np.float64):
        mean = np.bincount(user, column, minlength=n_users) / n_rows
        centred = column - mean[user]
        spread = np.sqrt(np.bincount(user, centred**2, minlength=n_users) / n_rows)
        columns.append(centred / np.maximum(spread[user], 1e-9))
    return np.stack(columns, axis=1).astype(np.float32)
