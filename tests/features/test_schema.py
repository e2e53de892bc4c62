"""The contracts of events, items and styles, and the exception tree."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from features import schema
from features.ids import IdMap
from features.tables import check_events, validate_events, validate_items, validate_styles


def log(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user_id": ["u1", "u1", "u2"],
            "item_id": ["007", "7", "007"],
            "timestamp": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"], utc=True),
            "event_type": ["impression", "click", "purchase"],
        }
        | columns
    )


def catalogue(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"item_id": ["a", "b"], "image_path": ["a.jpg", "b.jpg"]} | columns)


def test_every_error_is_a_stylefeed_error_and_bad_input_is_told_apart() -> None:
    for error in (schema.SchemaError, schema.ImageError, schema.ConfigError):
        assert issubclass(error, schema.InputError)
    for error in (
        schema.InputError,
        schema.ContractError,
        schema.StorageError,
        schema.WeightsError,
        schema.NotFittedError,
    ):
        assert issubclass(error, schema.StylefeedError)
    for error in (schema.ContractError, schema.StorageError, schema.WeightsError):
        assert not issubclass(error, schema.InputError)


def test_a_log_of_required_columns_gets_every_canonical_column_and_dtype() -> None:
    events, rejects = validate_events(log())
    assert {name: str(dtype) for name, dtype in events.dtypes.items()} == {
        "user_id": "str",
        "item_id": "str",
        "timestamp": "datetime64[us, UTC]",
        "event_type": "str",
        "dwell_s": "float64",
        "style_id": "str",
        "style_drawn": "str",
        "position": "Int16",
        "propensity": "float64",
        "session_id": "str",
        "channel": "str",
        "opt_out": "bool",
    }
    given = ["user_id", "item_id", "timestamp", "event_type", "opt_out"]
    assert events.drop(columns=given).isna().all(axis=None)
    assert not events["opt_out"].any()
    assert list(rejects.columns) == ["table", "row", "key", "reason", "got"]
    assert rejects.empty


def test_ids_stay_opaque_strings() -> None:
    events, _ = validate_events(log())
    assert events["item_id"].tolist() == ["007", "7", "007"]
    items, _ = validate_items(catalogue(item_id=pd.Series([7, 8])))
    assert items["item_id"].tolist() == ["7", "8"]


def test_validation_is_idempotent() -> None:
    events, _ = validate_events(log(position=["1", "2", ""], style_id=["original", "s1", None]))
    assert events["position"].tolist() == [1, 2, pd.NA]
    assert events["style_id"].isna().tolist() == [True, False, True]
    again, rejects = validate_events(events)
    assert rejects.empty
    assert_frame_equal(again, events)


def test_a_csv_read_as_text_gives_the_same_table(tmp_path: object) -> None:
    typed = log(
        dwell_s=[np.nan, 3.5, 0.0],
        position=pd.array([1, 2, None], dtype="Int16"),
        propensity=[0.25, 1.0, np.nan],
        style_id=["s1", None, "s2"],
    )
    path = f"{tmp_path}/events.csv"
    typed.to_csv(path, index=False)
    for keep in (True, False):
        text = pd.read_csv(path, dtype=str, keep_default_na=keep)
        assert_frame_equal(validate_events(text)[0], validate_events(typed)[0])


@pytest.mark.parametrize("missing", ["user_id", "item_id", "timestamp", "event_type"])
def test_a_missing_column_is_named_with_what_was_found(missing: str) -> None:
    table = log().rename(columns={missing: "other"})
    with pytest.raises(
        schema.SchemaError,
        match=rf"events: column '{missing}' is missing: found .*other.*; expected user_id, "
        "item_id, timestamp, event_type: add the column or rename",
    ):
        validate_events(table)


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("user_id", [0.5, 1.5, 2.5], "'user_id' is of a wrong type: got float64.*a string"),
        ("timestamp", [1, 2, 3], "'timestamp' is of a wrong type: got int64.*a timestamp"),
        ("timestamp", ["soon", "later", "x"], "'timestamp' is of a wrong type.*'soon'"),
        ("dwell_s", ["long", "short", "no"], "'dwell_s' is of a wrong type.*a number"),
        ("position", [0.5, 1.5, 2.5], "'position' is of a wrong type.*a whole number"),
        ("propensity", [True, True, False], "'propensity' is of a wrong type: got bool"),
        ("item_id", [None, None, None], "'item_id' has no value"),
    ],
)
def test_a_column_wholly_of_a_wrong_type_is_one_line(
    column: str, values: list[object], words: str
) -> None:
    with pytest.raises(schema.SchemaError, match=words) as caught:
        validate_events(log(**{column: values}))
    assert "\n" not in str(caught.value)


def test_an_empty_table_and_a_repeated_column_are_refused() -> None:
    with pytest.raises(schema.SchemaError, match="events: the table is empty: got 0 rows"):
        validate_events(log().iloc[:0])
    twice = pd.concat([log(), log()[["user_id"]]], axis=1)
    with pytest.raises(schema.SchemaError, match="'user_id' occurs more than once"):
        validate_events(twice)
    with pytest.raises(schema.SchemaError, match="'item_id' is missing: found no columns"):
        validate_items(pd.DataFrame())


def test_a_table_without_one_good_row_is_refused() -> None:
    with pytest.raises(schema.SchemaError, match=r"none of 3 rows can be used.*event_type"):
        validate_events(log(event_type=["like", "share", "save"]))


@pytest.mark.parametrize(
    ("column", "values", "reason", "got"),
    [
        ("user_id", ["u1", None, "u2"], "user_id is missing", "nan"),
        ("item_id", ["a", "", "b"], "item_id is missing", "''"),
        ("user_id", ["u1", 5.5, "u2"], "user_id is not a string", "5.5"),
        ("timestamp", ["2026-01-01", "32 May", "2026-01-02"], "timestamp is not a", "'32 May'"),
        ("event_type", ["view", "like", "click"], "event_type is not one of imp", "'like'"),
    ],
)
def test_a_bad_row_is_set_aside_and_the_rest_is_kept(
    column: str, values: list[object], reason: str, got: str
) -> None:
    events, rejects = validate_events(log(**{column: values}))
    assert len(events) == 2
    assert rejects[["table", "row", "got"]].to_numpy().tolist() == [["events", 1, got]]
    assert rejects["reason"].str.startswith(reason).all()


@pytest.mark.parametrize(
    ("column", "values", "reason", "got"),
    [
        ("dwell_s", [1.0, -1.0, np.nan], "dwell_s is outside [0, inf]", "-1.0"),
        ("dwell_s", [1.0, np.inf, np.nan], "dwell_s is outside [0, inf]", "inf"),
        ("position", [1, 0, 2], "position is outside [1, 32767]", "0"),
        ("position", [1, 40_000, 2], "position is outside [1, 32767]", "40000"),
        ("position", [1, 1.5, 2], "position is not a whole number", "1.5"),
        ("propensity", [1.0, 0.0, 0.5], "propensity is outside (0, 1]", "0.0"),
        ("propensity", [1.0, 1.01, 0.5], "propensity is outside (0, 1]", "1.01"),
    ],
)
def test_a_bad_optional_value_is_set_aside_and_its_row_is_kept(
    column: str, values: list[object], reason: str, got: str
) -> None:
    checked = check_events(log(**{column: values}))
    assert len(checked.table) == 3
    assert checked.rejects.empty
    assert checked.table[column].isna().tolist()[1]
    assert checked.table[column].notna().tolist()[0]
    assert checked.value_rejects[["table", "row", "got"]].to_numpy().tolist() == [
        ["events", 1, got]
    ]
    said = checked.value_rejects["reason"].iloc[0]
    assert said.startswith(reason)
    assert "the row kept: write " in said


def test_a_value_of_a_row_set_aside_is_not_told_twice() -> None:
    checked = check_events(log(dwell_s=[1, -1, 1], event_type=["view", "hover", "click"]))
    assert checked.rejects["row"].tolist() == [1]
    assert checked.value_rejects.empty


def test_the_rows_that_are_left_know_where_they_were() -> None:
    checked = check_events(log(user_id=[None, "u1", "u2"]))
    assert checked.rows.tolist() == [1, 2]


def test_rows_of_unknown_items_and_looks_are_set_aside() -> None:
    table = log(style_id=["s1", "s9", None])
    events, rejects = validate_events(table, IdMap(["007", "7"]), IdMap(["s1"]))
    assert events["item_id"].tolist() == ["007", "007"]
    assert rejects.to_numpy().tolist() == [
        ["events", 1, "u1", "style_id is not in the styles table", "'s9'"]
    ]
    _, rejects = validate_events(table, IdMap(["007"]), IdMap(["s1", "s9"]))
    assert rejects["reason"].tolist() == ["item_id is not in the items table"]


def test_a_row_with_several_faults_is_set_aside_once() -> None:
    _, rejects = validate_events(log(user_id=["u", 0.5, "u"], event_type=["view", "hover", "view"]))
    assert rejects["row"].tolist() == [1]


def test_times_are_brought_to_utc() -> None:
    zoned = pd.to_datetime(
        ["2026-01-01 12:00", "2026-01-02 00:00", "2026-01-03 00:00"]
    ).tz_localize("Asia/Tokyo")
    assert validate_events(log(timestamp=zoned))[0]["timestamp"].iloc[0] == pd.Timestamp(
        "2026-01-01 03:00", tz="UTC"
    )
    naive = pd.to_datetime(["2026-01-01 12:00", "2026-01-02 00:00", "2026-01-03 00:00"]).as_unit(
        "ns"
    )
    events, _ = validate_events(log(timestamp=naive))
    assert events["timestamp"].iloc[0] == pd.Timestamp("2026-01-01 12:00", tz="UTC")
    text = ["2026-01-01T12:00:00+02:00", "2026-01-02", "2026-01-03 04:05:06.789"]
    events, _ = validate_events(log(timestamp=text))
    assert events["timestamp"].iloc[0] == pd.Timestamp("2026-01-01 10:00", tz="UTC")


def test_items_get_their_defaults_and_repeats_keep_the_first_good_row() -> None:
    table = catalogue(item_id=["a", None], image_path=["", "second.jpg"])
    with pytest.raises(schema.SchemaError, match="none of 2 rows"):
        validate_items(table)
    table = pd.DataFrame(
        {
            "item_id": ["a", "a", "b", "b"],
            "image_path": [None, "a.jpg", "b.jpg", "other.jpg"],
            "available": ["true", None, "0", "1"],
        }
    )
    items, rejects = validate_items(table)
    assert items["image_path"].tolist() == ["a.jpg", "b.jpg"]
    assert items["available"].tolist() == [True, False]
    assert items[["title", "category"]].to_numpy().tolist() == [["", ""], ["", ""]]
    assert items["price"].isna().all()
    assert items["mask_path"].isna().all()
    assert rejects["row"].tolist() == [0, 3]
    assert rejects["reason"].iloc[1] == "item_id occurs more than once: the first row was kept"


def test_styles_refuse_the_reserved_id_and_take_their_id_for_a_name() -> None:
    table = pd.DataFrame(
        {
            "style_id": ["s1", "original", "s1", "s2"],
            "name": ["Ink", "Photo", "Again", None],
            "image_path": ["1.jpg", "2.jpg", "3.jpg", "4.jpg"],
        }
    )
    styles, rejects = validate_styles(table)
    assert styles["name"].tolist() == ["Ink", "s2"]
    assert styles["tags"].tolist() == ["", ""]
    assert rejects["row"].tolist() == [1, 2]
    assert "reserved for the plain photo" in rejects["reason"].iloc[0]


CELLS = st.sampled_from(
    ["view", "click", "", None, "007", "2026-01-01", "1", "0", "-3", "nan", "x"]
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(*[CELLS] * 8), min_size=1, max_size=20))
def test_any_text_table_is_either_refused_or_split_into_clean_and_rejected(
    rows: list[tuple[str | None, ...]],
) -> None:
    names = ["user_id", "item_id", "event_type", "timestamp", "dwell_s", "position", "style_id"]
    table = pd.DataFrame(rows, columns=[*names, "propensity"], dtype="str")
    try:
        events, rejects = validate_events(table)
    except schema.SchemaError:
        return
    assert len(events) + len(rejects) == len(table)
    assert rejects["row"].is_unique
    assert events[["user_id", "item_id", "timestamp", "event_type"]].notna().all(axis=None)
    assert_frame_equal(validate_events(events)[0], events)


def test_a_large_log_is_validated_at_over_three_hundred_thousand_rows_a_second() -> None:
    table = log(style_id=["s1", None, "s2"]).iloc[np.tile([0, 1, 2], 50_000)]
    start = time.process_time()
    events, _ = validate_events(table, IdMap(["007", "7"]), IdMap(["s1", "s2"]))
    assert time.process_time() - start < 0.5
    assert len(events) == len(table)


def test_a_catalogue_without_any_picture_is_taken_and_among_others_an_item_without_is_set_aside():
    items, rejects = validate_items(catalogue(image_path=["", ""]))
    assert items["image_path"].isna().all()
    assert rejects.empty
    items, rejects = validate_items(catalogue(image_path=["a.jpg", ""]))
    assert items["item_id"].tolist() == ["a"]
    assert rejects["reason"].tolist() == ["image_path is missing"]
    with pytest.raises(schema.SchemaError, match="column 'image_path' is missing"):
        validate_items(catalogue().drop(columns="image_path"))
