"""Names of columns and event types: mapped, told apart, or asked for."""

from __future__ import annotations

import pandas as pd
import pytest

from features.config import LogConfig
from features.contracts.names import meant
from features.schema import EVENT_TYPES, ConfigError, SchemaError
from features.tables import check_events, check_items


def log(kinds: list[str], **columns: object) -> pd.DataFrame:
    n = len(kinds)
    times = pd.date_range("2026-01-01", periods=n, freq="min", tz="UTC")
    table = {"user_id": "u", "item_id": "a", "timestamp": times, "event_type": kinds}
    return pd.DataFrame(table | columns)


@pytest.mark.parametrize("word", ["Click", "CLICK", " click ", "cl-ick", "click"])
def test_another_spelling_of_an_event_type_is_read(word: str) -> None:
    checked = check_events(log(["impression", word, word]))
    assert checked.table["event_type"].tolist() == ["impression", "click", "click"]


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("order", "purchase"),
        ("orders", "purchase"),
        ("transaction", "purchase"),
        ("add_to_cart", "cart"),
        ("addToCart", "cart"),
        ("pageview", "view"),
        ("views", "view"),
        ("clik", "click"),
        ("exposure", "impression"),
    ],
)
def test_an_event_type_of_another_name_is_asked_for_with_the_option_to_give(
    word: str, kind: str
) -> None:
    with pytest.raises(SchemaError) as caught:
        check_events(log(["impression", "click", word] if kind != "click" else ["view", word]))
    said = str(caught.value)
    assert f"'{word}' (1 rows) are unknown" in said
    assert f"did you mean {kind}? Give --event-types {word}={kind}" in said
    assert "\n" not in said


@pytest.mark.parametrize("word", ["remove_from_cart", "hover", "search", "review", "wishlist"])
def test_an_event_type_of_another_meaning_is_set_aside(word: str) -> None:
    assert meant(word, EVENT_TYPES) is None
    checked = check_events(log(["impression", "click", word]))
    assert checked.rejects["row"].tolist() == [2]


def test_a_rare_misspelling_costs_its_row_alone() -> None:
    checked = check_events(log(["impression", "purchase"] * 150 + ["purchas"]))
    assert checked.rejects["row"].tolist() == [300]


def test_event_types_are_mapped_and_ignored_as_told() -> None:
    told = LogConfig(event_types={"Order": "purchase", "hover": "ignore", "click": "tap"})
    assert told.event_types == {"Order": "purchase", "hover": "ignore", "tap": "click"}
    checked = check_events(
        log(["impression", "tap", "order", "Order", "hover"]), event_types=told.event_types
    )
    assert checked.table["event_type"].tolist() == ["impression", "click", "purchase", "purchase"]
    assert checked.rejects["reason"].tolist() == ["event_type is to be ignored"]


def test_columns_are_mapped_as_told_whichever_way_round() -> None:
    raw = log(["view"]).rename(columns={"user_id": "visitorid", "event_type": "action"})
    for told in (
        {"user_id": "visitorid", "event_type": "action"},
        {"visitorid": "user_id", "action": "event_type"},
    ):
        columns = LogConfig(columns=told).columns_of("events")
        assert columns == {"user_id": "visitorid", "event_type": "action"}
        assert check_events(raw, columns=columns).table["user_id"].tolist() == ["u"]


def test_a_mapped_column_takes_the_place_of_one_of_its_name() -> None:
    raw = log(["view"], shown=["s1"], style_id=["planned"])
    table = check_events(raw, columns={"style_id": "shown"}).table
    assert table["style_id"].tolist() == ["s1"]


def test_columns_of_the_other_tables_are_mapped_by_their_table() -> None:
    config = LogConfig(columns={"items.item_id": "sku", "link": "items.image_path"})
    assert config.columns_of("events") == {}
    raw = pd.DataFrame({"sku": ["1"], "link": ["a.jpg"]})
    assert check_items(raw, config.columns_of("items")).table["image_path"].tolist() == ["a.jpg"]


@pytest.mark.parametrize("name", ["User_ID", "userId", "user id", " user_id", "USER-ID"])
def test_another_spelling_of_a_column_is_read(name: str) -> None:
    raw = log(["view"]).rename(columns={"user_id": name})
    assert check_events(raw).table["user_id"].tolist() == ["u"]


def test_two_columns_that_may_be_the_same_are_refused() -> None:
    raw = log(["view"], userId="v", USER_ID="w").drop(columns="user_id")
    with pytest.raises(SchemaError, match=r"'userId', 'USER_ID' may all be user_id"):
        check_events(raw)


@pytest.mark.parametrize(
    ("column", "theirs"),
    [
        ("user_id", "visitorid"),
        ("user_id", "customer_id"),
        ("item_id", "product_id"),
        ("item_id", "sku"),
        ("timestamp", "event_time"),
        ("event_type", "event"),
        ("event_type", "event_typ"),
    ],
)
def test_a_column_of_another_name_is_asked_for_with_the_option_to_give(
    column: str, theirs: str
) -> None:
    with pytest.raises(SchemaError, match=rf"Give --columns {column}={theirs}"):
        check_events(log(["view"]).rename(columns={column: theirs}))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"columns": {"visitor": "client"}}, "neither 'visitor' nor 'client'.*did you mean user_i"),
        ({"event_types": {"order": "bought"}}, "'bought' is no event type.*did you mean purchase"),
        ({"as_of": "soon"}, "as_of is 'soon': expected a time"),
        ({"as_of": "20260301"}, "as_of is '20260301'"),
        ({"clock_tolerance_s": -1.0}, "clock_tolerance_s is -1"),
        ({"repeat_window_s": float("nan")}, "repeat_window_s is nan"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        LogConfig(**settings)  # type: ignore[arg-type]


def test_a_mapped_column_that_is_not_there_is_named() -> None:
    with pytest.raises(SchemaError, match=r"column 'visitor', which is to be read as user_id"):
        check_events(log(["view"]), columns={"user_id": "visitor"})


def test_a_date_as_of_is_its_end() -> None:
    assert str(LogConfig(as_of="2026-03-01").now_utc) == "2026-03-01 23:59:59.999999+00:00"
    assert str(LogConfig(as_of="2026-03-01T10:00+02:00").now_utc) == "2026-03-01 08:00:00+00:00"
    assert LogConfig().now_utc is None
