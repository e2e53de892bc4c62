"""Slices of a test and rolling windows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import ContractError, InputError, SchemaError
from recsys.evaluation.slices import SLICES, label_slices, pool_windows, rolling_cuts


def _log(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user_id", "item_id", "event_type"], dtype="str")


def test_an_impression_makes_neither_user_nor_item_known() -> None:
    past = _log([("a", "x", "purchase"), ("b", "y", "impression"), ("c", "x", "view")])
    truth = pd.DataFrame(
        {"user_id": ["a", "b", "a", "b", "c"], "item_id": ["x", "x", "y", "y", "x"]}
    )
    assert label_slices(truth, past).tolist() == [
        *("warm", "cold_user", "cold_item", "cold_item", "warm")
    ]


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz"))),
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz")), min_size=1),
)
def test_slices_part_the_rows_by_what_sets_of_the_past_hold(
    touched: list[tuple[str, str]], asked: list[tuple[str, str]]
) -> None:
    truth = pd.DataFrame(asked, columns=["user_id", "item_id"])
    labels = label_slices(truth, _log([(user, item, "click") for user, item in touched]))
    users, items = {user for user, _ in touched}, {item for _, item in touched}
    assert set(labels) <= set(SLICES)
    for (user, item), label in zip(asked, labels, strict=True):
        assert (label == "cold_item") == (item not in items)
        assert (label == "cold_user") == (item in items and user not in users)


def test_windows_follow_each_other_up_to_the_midnight_after_the_last_event() -> None:
    times = pd.to_datetime(["2020-01-01 08:00", "2020-01-31 23:59"], utc=True)
    cuts = rolling_cuts(pd.DataFrame({"timestamp": times}), pd.Timedelta(days=7), 3)
    assert [str(cut.date()) for cut in cuts] == ["2020-01-11", "2020-01-18", "2020-01-25"]


@pytest.mark.parametrize(
    ("days", "windows", "kind"),
    [(7, 5, InputError), (0, 1, ContractError), (7, 0, ContractError)],
)
def test_windows_that_do_not_fit_the_log_are_refused(
    days: int, windows: int, kind: type[Exception]
) -> None:
    times = pd.to_datetime(["2020-01-01 08:00", "2020-01-31 23:59"], utc=True)
    with pytest.raises(kind):
        rolling_cuts(pd.DataFrame({"timestamp": times}), pd.Timedelta(days=days), windows)


def test_a_user_of_two_windows_counts_once_with_the_mean() -> None:
    first = pd.DataFrame({"ease": [0.2, 0.4], "als": [0.0, 1.0]}, index=["b", "a"])
    second = pd.DataFrame({"ease": [0.6], "als": [1.0]}, index=["b"])
    table = pool_windows([first, second])
    assert table.index.tolist() == ["a", "b"]
    np.testing.assert_allclose(table.to_numpy(), [[0.4, 1.0], [0.4, 0.5]])


def test_missing_columns_and_other_models_are_named() -> None:
    truth = pd.DataFrame({"user_id": ["a"], "item_id": ["x"]})
    with pytest.raises(SchemaError, match="event_type"):
        label_slices(truth, truth)
    with pytest.raises(SchemaError, match="als"):
        pool_windows([pd.DataFrame({"ease": [1.0]}), pd.DataFrame({"als": [1.0]})])
    with pytest.raises(ContractError):
        pool_windows([])
    with pytest.raises(InputError):
        rolling_cuts(pd.DataFrame({"timestamp": []}), pd.Timedelta(days=1), 1)
