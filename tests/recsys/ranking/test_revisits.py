"""What is known of visits and returns, against counts done by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.ids import IdMap
from features.schema import NotFittedError
from recsys.ranking.revisits import TOUCH_COLUMNS, Touches, gather_touches

NOW = pd.Timestamp("2024-03-01", tz="UTC")


def touches() -> Touches:
    """u bought a three times, every ten days, b once on the last visit; v bought a and c."""
    rows = [
        *[("u", "a", days, "purchase") for days in (22.0, 12.0, 2.0, 2.1)],
        ("u", "b", 2.0, "view"),
        ("u", "c", 1.0, "impression"),
        ("v", "a", 40.0, "purchase"),
        ("v", "c", 40.2, "purchase"),
        ("other", "a", 5.0, "purchase"),
    ]
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "days", "event_type"])
    table["timestamp"] = NOW - pd.to_timedelta(table.pop("days"), unit="D")
    return gather_touches(table, IdMap(["u", "v", "w"]), IdMap(["a", "b", "c", "d"]), NOW)


def rows_of(known: Touches) -> pd.DataFrame:
    users = np.array([0, 1, 2, -1])
    user, item = np.repeat(np.arange(4), 4), np.tile(np.arange(4), 4)
    table = pd.DataFrame(known.columns(users, user, item), columns=list(TOUCH_COLUMNS))
    table.index = pd.MultiIndex.from_arrays([np.array([*"uvwx"])[user], np.array([*"abcd"])[item]])
    return table


def test_a_users_own_history_of_an_item() -> None:
    u = rows_of(touches()).loc["u"]
    # 2.0 and 2.1 days before midnight fall on two days of the calendar.
    np.testing.assert_allclose(u["own_visits"], [4, 1, 0, 0])
    np.testing.assert_allclose(u["own_last_days"], [2, 2, np.nan, np.nan])
    np.testing.assert_allclose(u["own_gap_days"], [20 / 3, *[np.nan] * 3], rtol=1e-6)
    np.testing.assert_allclose(u["own_due"], [2 / (20 / 3), *[np.nan] * 3], rtol=1e-6)
    np.testing.assert_allclose(u["user_visits"], 4)
    np.testing.assert_allclose(u["user_last_days"], 2)
    np.testing.assert_allclose(u["user_basket"], 5 / 4)


def test_how_people_come_back_to_an_item() -> None:
    table = rows_of(touches()).loc["w"]
    np.testing.assert_allclose(table["item_buyers"], [2, 1, 1, 0])
    rate = 1 / 4
    expected = [(1 + 20 * rate) / 22, 20 * rate / 21, 20 * rate / 21, rate]
    np.testing.assert_allclose(table["item_repeat_rate"], expected, rtol=1e-6)
    np.testing.assert_allclose(table["item_week_share"], [2 / 3, 1 / 3, 0, 0], rtol=1e-6)


def test_the_last_basket_vouches_for_what_is_touched_with_it() -> None:
    table = rows_of(touches())["basket_similarity"]
    assert table["u", "a"] > 0
    assert table["u", "d"] == 0
    assert table["v", "c"] == 0
    assert table["x"].eq(0).all()


def test_users_without_touches_have_no_history() -> None:
    table = rows_of(touches())
    assert table.loc["w", "own_visits"].eq(0).all()
    assert table.loc["w", "user_visits"].eq(0).all()
    assert (
        table.loc[["w", "x"], ["own_last_days", "own_due", "user_last_days"]]
        .isna()
        .to_numpy()
        .all()
    )


def test_saved_touches_are_the_same(tmp_path: Path) -> None:
    known = touches()
    known.save(tmp_path)
    pd.testing.assert_frame_equal(rows_of(Touches.load(tmp_path)), rows_of(known))
    with pytest.raises(NotFittedError, match=r"no touches\.safetensors"):
        Touches.load(tmp_path / "nothing")


def test_an_empty_log_knows_nothing() -> None:
    empty = pd.DataFrame({"user_id": [], "item_id": [], "event_type": []}, dtype="str")
    empty["timestamp"] = pd.Series([], dtype="datetime64[us, UTC]")
    table = rows_of(gather_touches(empty, IdMap(["u", "v", "w"]), IdMap([*"abcd"]), NOW))
    assert table["own_visits"].eq(0).all()
    assert table["item_buyers"].eq(0).all()
