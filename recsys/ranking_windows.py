"""Labelled ranking lists of a window of time, seen with the knowledge of the time before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from features.ids import IdMap
from recsys.candidates import CandidateModel
from recsys.candidates.selection import user_batches
from recsys.candidates.union import union
from recsys.knowledge import Knowledge
from recsys.ranking import RankingRows
from recsys.ranking_features import pair_features

LABELS: Final = {"view": 1, "click": 1, "cart": 2, "purchase": 3}
"""Label of the strongest event of a user and item in the window; 0 without any."""


def positive_users(window: pd.DataFrame) -> list[str]:
    """Users with at least one event of `window` that earns a label, ascending."""
    return sorted(set(window.loc[window["event_type"].isin(list(LABELS)), "user_id"]))


def labelled_rows(
    window: pd.DataFrame,
    users: Sequence[str],
    models: Sequence[CandidateModel],
    known: Knowledge,
    allowed_items: NDArray[np.bool_],
    depth: int,
    exclude_seen: bool,
) -> RankingRows:
    """One list per user of `users`: the union of the models' best `depth`, with labels.

    `window`: events after everything `models` and `known` have seen. `positions` tell where an
    item was shown to the user in the window (the best place), 0 for not shown or not logged.
    """
    user_map, items = IdMap(list(users)), known.interactions.items
    touched = window[window["event_type"].isin(list(LABELS))]
    label = _highest(touched, touched["event_type"].map(LABELS), user_map, items)
    shown = window[(window["event_type"] == "impression") & window["position"].notna()]
    # The best place is the lowest position; counting down from the last makes it the highest.
    last = int(shown["position"].max()) + 1 if len(shown) else 1
    place = _highest(shown, last - shown["position"].astype("int64"), user_map, items)
    positions = known.interactions.users.to_index(users)
    parts, groups = [], []
    for batch in user_batches(len(users), len(items)):
        chosen = positions[batch]
        allowed = allowed_for(known, chosen, allowed_items, exclude_seen)
        rows = union(models, chosen, depth, allowed)
        at = (rows.users, rows.items)
        shown_at = place[batch].toarray()[at]
        parts.append(
            (
                pair_features(known, chosen, rows),
                label[batch].toarray()[at],
                np.where(shown_at > 0, last - shown_at, 0),
            )
        )
        groups.append(np.bincount(rows.users, minlength=len(chosen)))
    return RankingRows(
        features=np.concatenate([part[0] for part in parts]),
        labels=np.concatenate([part[1] for part in parts]).astype(np.int64),
        groups=np.concatenate(groups).astype(np.int64),
        positions=np.concatenate([part[2] for part in parts]).astype(np.int64),
    )


def allowed_for(
    known: Knowledge,
    user_positions: NDArray[np.int64],
    allowed_items: NDArray[np.bool_],
    exclude_seen: bool,
) -> NDArray[np.bool_]:
    """What may be proposed, bool (n, items): `allowed_items`, less what each user touched."""
    allowed = np.tile(allowed_items, (len(user_positions), 1))
    if exclude_seen:
        seen = known.interactions.rows(user_positions).tocoo()
        allowed[seen.row, seen.col] = False
    return allowed


def _highest(
    events: pd.DataFrame, values: pd.Series, users: IdMap, items: IdMap
) -> sparse.csr_matrix:
    """The highest of `values` per user and item, CSR int64 (users, items)."""
    table = pd.DataFrame(
        {
            "user": users.to_index(events["user_id"]),
            "item": items.to_index(events["item_id"]),
            "value": values.to_numpy(dtype=np.int64),
        }
    )
    table = table[(table["user"] >= 0) & (table["item"] >= 0)]
    best = table.groupby(["user", "item"], as_index=False)["value"].max()
    cells = (best["value"].to_numpy(), (best["user"].to_numpy(), best["item"].to_numpy()))
    return sparse.csr_matrix(cells, shape=(len(users), len(items)))
