"""Lists carry labels of their window and features of the time before it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.ids import IdMap
from recsys.candidates import EASE, CandidateModel, Interactions, Popularity
from recsys.ranking.lambdarank import RankingRows
from recsys.ranking.snapshot import ItemFeatures, gather
from recsys.ranking.windows import join_lists, label_lists, positive_users, window_starts

START = pd.Timestamp("2024-05-01", tz="UTC")
ITEMS = [f"i{n}" for n in range(6)]


def events(rows: list[tuple[str, str, str, int | None]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "event_type", "position"])
    table["position"] = table["position"].astype("Int16")
    table["timestamp"] = START + pd.to_timedelta(np.arange(len(table)), unit="h")
    return table


PAST = events(
    [("u", "i0", "view", None), ("v", "i0", "view", None), ("v", "i1", "view", None)]
    + [("w", f"i{n}", "purchase", None) for n in range(5)]
)
WINDOW = events(
    [
        ("u", "i1", "impression", 3),
        ("u", "i1", "impression", 2),
        ("u", "i1", "view", 2),
        ("u", "i1", "purchase", 2),
        ("u", "i2", "impression", 1),
        ("new", "i0", "cart", None),
        ("new", "i9", "view", None),
    ]
)


def rows_of(window: pd.DataFrame, users: list[str]) -> RankingRows:
    table = PAST[["user_id", "item_id"]].assign(weight=1.0)
    log = Interactions.from_table(table, items=IdMap(ITEMS))
    pictures = ItemFeatures(
        np.array(ITEMS, dtype=object), np.eye(6, dtype=np.float32), np.zeros((6, 100), np.float32)
    )
    now = START + pd.Timedelta(days=9)
    known = gather(PAST, log, pd.DataFrame({"item_id": ITEMS}), pictures, None, now)
    models: list[CandidateModel] = [Popularity().fit(log), EASE().fit(log)]
    return label_lists(window, users, models, known, np.ones(6, dtype=bool), [6, 6], True)


def test_labels_and_places_are_the_windows_best() -> None:
    users = positive_users(WINDOW)
    assert users == ["new", "u"]
    rows = rows_of(WINDOW, users)
    assert rows.groups.tolist() == [6, 5]
    assert rows.labels.tolist() == [2, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0]
    assert rows.positions is not None
    assert rows.positions[6] == 2
    assert rows.positions[7] == 1


def test_items_not_shown_are_spread_over_the_places() -> None:
    positions = rows_of(WINDOW, ["new", "u"]).positions
    assert positions is not None
    elsewhere = np.delete(positions, [6, 7])
    assert sorted(elsewhere) == [1, 1, 1, 1, 1, 2, 2, 2, 2]
    unplaced = WINDOW.assign(position=pd.array([None] * len(WINDOW), dtype="Int16"))
    assert rows_of(unplaced, ["u"]).positions is None


def test_features_do_not_depend_on_the_window() -> None:
    empty = rows_of(WINDOW.iloc[:0], ["new", "u"])
    np.testing.assert_array_equal(empty.features, rows_of(WINDOW, ["new", "u"]).features)
    assert not empty.labels.any()


def test_joined_lists_follow_one_another() -> None:
    parts = [rows_of(WINDOW, ["new"]), rows_of(WINDOW, ["u"])]
    both = join_lists(parts)
    assert both.groups.tolist() == [6, 5]
    np.testing.assert_array_equal(both.features[6:], parts[1].features)


def test_windows_start_at_event_shares_and_leave_a_past() -> None:
    touches = events([("u", "i0", "view", None)] * 100)
    starts = window_starts(touches, windows=3, share=0.1)
    hours = [(start - START) / pd.Timedelta(hours=1) for start in starts]
    np.testing.assert_allclose(hours, [60, 70, 80, 90], atol=1.01)
    assert window_starts(touches.iloc[:1], 3, 0.1) == []
    two = window_starts(touches.iloc[[0, 0, 0, 1]], 3, 0.1)
    assert two == []
