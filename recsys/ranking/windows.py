"""Labelled ranking lists of a window of time, seen with what was known at the time before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from features.events import time_split
from features.ids import IdMap
from recsys.candidates import CandidateModel
from recsys.candidates.allowed import Allowed, look_up, no_cells
from recsys.candidates.sparse_selection import row_batches
from recsys.candidates.union import union
from recsys.ranking.features import pair_features
from recsys.ranking.lambdarank import RankingRows
from recsys.ranking.snapshot import Snapshot

LABELS: Final = {"view": 1, "click": 1, "cart": 2, "purchase": 3}
"""Label of the strongest event of a user and item in the window; 0 without any."""


def window_starts(touches: pd.DataFrame, windows: int, share: float) -> list[pd.Timestamp]:
    """Starts of the training windows and of the held-out one, ascending; none if too short.

    Each window holds about `share` of `touches`, and something precedes the first.
    """
    if touches["timestamp"].nunique() < 2:
        return []
    fractions = [1.0 - share * left for left in range(windows + 1, 0, -1)]
    cuts = sorted({time_split(touches, fraction) for fraction in fractions})
    return cuts if len(cuts) > 1 else []


def positive_users(window: pd.DataFrame) -> list[str]:
    """Users with at least one event of `window` that earns a label, ascending."""
    return sorted(set(window.loc[window["event_type"].isin(list(LABELS)), "user_id"]))


def label_lists(
    window: pd.DataFrame,
    users: Sequence[str],
    models: Sequence[CandidateModel],
    known: Snapshot,
    allowed_items: NDArray[np.bool_],
    quotas: Sequence[int],
    exclude_seen: bool,
) -> RankingRows:
    """One list per user of `users`: the union of the models' best `quotas`, with labels.

    `window`: events after everything `models` and `known` have seen. `positions` tell where an
    item was shown to the user in the window, at best. Items that were not shown are spread evenly
    over the places: as a place of their own they would carry all that the logging policy knew
    of them, and the correction would take it from the ranker. `wanted` counts the items
    with a label among those that may be proposed.
    """
    user_map, items = IdMap(list(users)), known.interactions.items
    touched = window[window["event_type"].isin(list(LABELS))]
    label = _highest(touched, touched["event_type"].map(LABELS), user_map, items)
    shown = window[(window["event_type"] == "impression") & window["position"].notna()]
    # The best place is the lowest position; counting down from the last makes it the highest.
    last = int(shown["position"].max()) + 1 if len(shown) else 1
    place = _highest(shown, last - shown["position"].astype("int64"), user_map, items)
    positions = known.interactions.users.to_index(users)
    parts, groups, wanted = [], [], []
    for batch in row_batches(len(users), len(items)):
        chosen = positions[batch]
        allowed = find_allowed(known, chosen, allowed_items, exclude_seen)
        rows = union(models, chosen, quotas, allowed)
        shown_at = look_up(place[batch], rows.users, rows.items).astype(np.int64)
        labels = look_up(label[batch], rows.users, rows.items).astype(np.int64)
        parts.append(
            (
                pair_features(known, chosen, rows),
                labels,
                np.where(shown_at > 0, last - shown_at, 0),
            )
        )
        groups.append(np.bincount(rows.users, minlength=len(chosen)))
        asked = label[batch].tocoo()
        met = allowed.at(asked.row.astype(np.int64), asked.col.astype(np.int64))
        wanted.append(np.bincount(asked.row[met & (asked.data > 0)], minlength=len(chosen)))
    return RankingRows(
        features=np.concatenate([part[0] for part in parts]),
        labels=np.concatenate([part[1] for part in parts]).astype(np.int64),
        groups=np.concatenate(groups).astype(np.int64),
        positions=_spread(np.concatenate([part[2] for part in parts]).astype(np.int64)),
        wanted=np.concatenate(wanted).astype(np.int64),
    )


def _spread(places: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """`places` with every 0 (not shown) replaced by the places that occur, in turn, or None."""
    known, unknown = np.unique(places[places > 0]), np.flatnonzero(places == 0)
    if not len(known):
        return None
    filled = places.copy()
    filled[unknown] = known[np.arange(len(unknown)) % len(known)]
    return filled


def join_lists(parts: Sequence[RankingRows]) -> RankingRows:
    """The lists of several windows as one set."""
    positions = [part.positions for part in parts if part.positions is not None]
    wanted = [part.wanted for part in parts if part.wanted is not None]
    return RankingRows(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.groups for part in parts]),
        np.concatenate(positions) if len(positions) == len(parts) else None,
        np.concatenate(wanted) if len(wanted) == len(parts) else None,
    )


def find_allowed(
    known: Snapshot,
    user_positions: NDArray[np.int64],
    allowed_items: NDArray[np.bool_],
    exclude_seen: bool,
) -> Allowed:
    """What may be proposed to (n,) users: `allowed_items`, less what each of them touched."""
    if exclude_seen:
        return Allowed(allowed_items, known.interactions.rows(user_positions))
    return Allowed(allowed_items, no_cells(len(user_positions), len(allowed_items)))


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
