"""Cells as people's exports write them: read by the whole column, or set aside alone."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.contracts.columns import parse
from features.contracts.layout import Kind
from features.contracts.times import read_times
from features.schema import SchemaError
from features.tables import check_events, check_items

NOTHING = ["NULL", "null", "\\N", "nan", "NaN", "None", "N/A", "n/a", "<NA>", "", "  ", "NaT"]


def read(cells: list[object] | pd.Series, kind: Kind) -> tuple[list[object], list[bool]]:
    values = cells if isinstance(cells, pd.Series) else pd.Series(cells)
    parsed, wrong, _ = parse(values, kind, "column")
    return parsed.tolist(), wrong.tolist()


@pytest.mark.parametrize("word", NOTHING)
@pytest.mark.parametrize("dtype", ["str", "object"])
@pytest.mark.parametrize(
    ("kind", "told", "empty"),
    [
        ("id", "u1", None),
        ("text", "lamp", ""),
        ("number", "1.5", None),
        ("whole", "3", None),
        ("time", "2026-01-01", None),
        ("flag", "no", True),
        ("permission", "yes", False),
    ],
)
def test_a_word_for_nothing_is_nothing_in_every_kind_of_column(
    word: str, dtype: str, kind: Kind, told: str, empty: object
) -> None:
    parsed, wrong = read(pd.Series([told, word], dtype=dtype), kind)
    assert wrong == [False, False]
    assert not pd.isna(parsed[0])
    assert pd.isna(parsed[1]) if empty is None else parsed[1] == empty


def test_the_word_na_is_a_name_among_texts_and_nothing_among_ids_and_numbers() -> None:
    assert read(["NA", "a"], "text")[0] == ["NA", "a"]
    assert pd.isna(read(["NA", "a"], "id")[0][0])
    assert np.isnan(read(["NA", "1"], "number")[0][0])


def test_a_shopper_called_nan_is_a_visit_without_a_login() -> None:
    raw = pd.DataFrame({"user_id": ["nan", "u"], "item_id": "a", "event_type": "view"})
    checked = check_events(raw.assign(timestamp="2026-01-01", session_id="None"))
    assert checked.table["user_id"].tolist() == ["u"]
    assert checked.table["session_id"].isna().all()
    assert checked.rejects[["row", "reason", "got"]].to_numpy().tolist() == [
        [0, "user_id is missing", "'nan'"]
    ]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.5", "2", "1e3"], [1.5, 2.0, 1000.0]),
        (["1,5", "12,25"], [1.5, 12.25]),
        (["0,299", "1,299"], [0.299, 1.299]),
        (["1,299", "19.90"], [1299.0, 19.9]),
        (["1,299.00", "19.90"], [1299.0, 19.9]),
        (["1.299,00", "19,90"], [1299.0, 19.9]),
        (["1,299,000", "5"], [1_299_000.0, 5.0]),
        (["1.299.000", "5"], [1_299_000.0, 5.0]),
        (["1 299,50", "3,5"], [1299.5, 3.5]),
        (["1\u00a0299,50", "3,5"], [1299.5, 3.5]),
        (["1'299.50", "3.5"], [1299.5, 3.5]),
        (["12.50 EUR", "3 EUR"], [12.5, 3.0]),
        (["€12,50", "€ 3,00"], [12.5, 3.0]),
        (["$1,299.00", "-$5.00"], [1299.0, -5.0]),
        (["12,50 €", "CHF 3"], [12.5, 3.0]),
        ([Decimal("1.5"), 2], [1.5, 2.0]),
    ],
)
def test_numbers_are_read_as_the_column_writes_them(
    cells: list[object], expected: list[float]
) -> None:
    parsed, wrong = read(cells, "number")
    assert not any(wrong)
    assert parsed == pytest.approx(expected)


@pytest.mark.parametrize(
    ("cells", "wrong"),
    [
        (["1,299", "5"], [True, False]),  # thousands or decimals: nothing in the column tells
        (["1,299.00", "1.299,00", "2"], [True, True, False]),  # two conventions
        (["1.2.3", "2"], [True, False]),
        (["12 or 13", "2"], [True, False]),
        (["0x10", "2"], [True, False]),
        ([True, 2], [True, False]),
    ],
)
def test_a_number_that_could_be_two_or_none_is_not_guessed(
    cells: list[object], wrong: list[bool]
) -> None:
    assert read(cells, "number")[1] == wrong


def test_numbers_are_read_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.random(200)
    assert read([repr(float(x)) for x in numbers], "number")[0] == numbers.tolist()


NOON = "2026-03-01 12:00:00"


@pytest.mark.parametrize(
    "cells",
    [
        [NOON],
        ["2026-03-01T12:00:00Z"],
        ["2026-03-01T14:00:00+02:00"],
        ["2026-03-01 12:00:00 UTC"],
        ["2026-03-01 12:00:00.000 UTC"],
        ["2026-03-01 12:00:00 +0000 UTC"],
        ["2026-03-01 12:00:00,000"],
        ["2026/03/01 12:00:00"],
        ["20260301T120000"],
        ["20260301120000"],
        [20260301120000],
        ["1772366400"],
        [1772366400],
        [1772366400.0],
        ["1772366400000"],
        [1772366400000],
        [1772366400000000],
        [1772366400000000000],
        [Decimal("1772366400")],
        ["13/03/2026 09:00", "01/03/2026 12:00"],
        ["03/13/2026 09:00", "03/01/2026 12:00"],
        ["13-03-2026 09:00", "01-03-2026 12:00"],
        ["3/13/26 9:00 AM", "3/1/26 12:00 PM"],
        ["01.03.2026 12:00"],
        ["01-Mar-2026 12:00"],
        ["01/Mar/2026:12:00:00 +0000"],
        ["Sun, 01 Mar 2026 12:00:00 GMT"],
        [datetime.datetime(2026, 3, 1, 12)],
        [pd.Timestamp(NOON, tz="UTC")],
    ],
    ids=repr,
)
def test_times_are_read_in_the_form_of_the_column(cells: list[object]) -> None:
    parsed, wrong = read(cells, "time")
    assert not any(wrong)
    assert parsed[-1] == pd.Timestamp(NOON, tz="UTC")


def test_dates_alone_are_midnights() -> None:
    for cells in (["2026-03-01"], ["20260301"], [20260301], [datetime.date(2026, 3, 1)]):
        assert read(cells, "time")[0] == [pd.Timestamp("2026-03-01", tz="UTC")]


def test_an_order_of_day_and_month_that_nothing_tells_is_asked_for() -> None:
    values = pd.Series(["03/04/2026", "05/06/2026"])
    with pytest.raises(SchemaError, match=r"such as '03/04/2026' may be day or month first"):
        read_times(values)
    assert read_times(values, day_first=True)[0].dt.month.tolist() == [4, 6]
    assert read_times(values, day_first=False)[0].dt.month.tolist() == [3, 5]
    with pytest.raises(SchemaError, match=r"1 dates can only be day first and 1 only month first"):
        read_times(pd.Series(["13/04/2026", "04/13/2026"]))


def test_a_time_of_another_form_than_its_column_is_not_guessed() -> None:
    cells = ["2026-03-01", "2026-03-02", "03/04/2026"]
    assert read(cells, "time")[1] == [False, False, True]
    many = [1772366400] * 9 + [1772366400000]
    assert read(many, "time")[1] == [False] * 9 + [True]
    with pytest.raises(SchemaError, match=r"expected a timestamp.*write times as ISO 8601"):
        read([1, 2, 3], "time")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([12, 3, 0, 1], [True, True, False, True]),
        (["12", "0", "-1"], [True, False, False]),
        (["in_stock", "out_of_stock"], [True, False]),
        (["in stock", "Sold Out"], [True, False]),
        (["InStock", "https://schema.org/OutOfStock"], [True, False]),
        (["preorder", "discontinued"], [True, False]),
        (["Y", "N"], [True, False]),
        (["t", "f"], [True, False]),
        (["TRUE", "False"], [True, False]),
        ([1.0, 0.0], [True, False]),
        ([True, None], [True, True]),
    ],
)
def test_availability_is_read_from_words_and_stock(
    cells: list[object], expected: list[bool]
) -> None:
    parsed, wrong = read(cells, "flag")
    assert not any(wrong)
    assert parsed == expected


def test_a_permission_is_never_read_from_a_number_of_pieces() -> None:
    assert read(["yes", 12, None, "0"], "permission") == (
        [True, False, False, False],
        [False, True, False, False],
    )


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["007", "7"], ["007", "7"]),
        ([7, 8], ["7", "8"]),
        (pd.Series([7, 8], dtype="Int64"), ["7", "8"]),
        (pd.Series([1515966223509088000], dtype="int64"), ["1515966223509088000"]),
        ([7.0, None], ["7", None]),
        ([b"a", b"\xc3\xa9"], ["a", "é"]),
        ([1, "3"], ["1", "3"]),
        ([Decimal("12345678901234567890")], ["12345678901234567890"]),
        ([uuid.UUID(int=7)], [str(uuid.UUID(int=7))]),
        (["17850.0", "13047.0"], ["17850", "13047"]),
        (["1.0", "a"], ["1.0", "a"]),
        (pd.Series(["a", "b"], dtype="category"), ["a", "b"]),
        (pd.Series(["a", None], dtype="string[pyarrow]"), ["a", None]),
    ],
)
def test_ids_keep_every_digit(cells: list[object] | pd.Series, expected: list[object]) -> None:
    parsed, wrong = read(cells, "id")
    assert not any(wrong)
    assert [None if pd.isna(cell) else cell for cell in parsed] == expected


@pytest.mark.parametrize(
    "cells",
    [
        [1515966223509088000.0, 1515966223509089000.0],
        ["1.515966223509088e+18", "1.515966223509089e+18"],
        [0.5, 1.5],
        [True, False],
    ],
)
def test_ids_that_have_lost_their_digits_are_refused(cells: list[object]) -> None:
    with pytest.raises(SchemaError, match=r"expected a string in every row: export ids as text"):
        read(cells, "id")


def test_columns_of_arrow_types_are_read() -> None:
    table = pd.DataFrame(
        {
            "user_id": pd.Series(["u", "v"], dtype=pd.ArrowDtype(pa.string())),
            "item_id": ["a", "b"],
            "event_type": "view",
            "timestamp": pd.to_datetime(["2026-01-01", "2026-01-02"]),
        }
    )
    assert check_events(table).table["user_id"].tolist() == ["u", "v"]


def test_a_price_of_minus_one_is_no_price_and_the_item_stays() -> None:
    items = pd.DataFrame(
        {"item_id": list("abc"), "image_path": "p.jpg", "price": ["-1", "2.5", "ask"]}
    )
    checked = check_items(items)
    assert checked.table["item_id"].tolist() == list("abc")
    assert checked.table["price"].isna().tolist() == [True, False, True]
    assert checked.rejects.empty
    assert sorted(checked.value_rejects["row"]) == [0, 2]
    assert checked.value_rejects["reason"].str.contains("the row kept: write numbers such").all()


def test_positions_from_zero_are_refused_and_one_zero_is_set_aside() -> None:
    n = 400
    raw = pd.DataFrame(
        {
            "user_id": "u",
            "item_id": "a",
            "event_type": "view",
            "timestamp": pd.date_range("2026-01-01", periods=n, freq="h", tz="UTC"),
        }
    )
    with pytest.raises(SchemaError, match=r"positions run from 0: got 0 in 100 of 400, first in"):
        check_events(raw.assign(position=np.arange(n) % 4))
    checked = check_events(raw.assign(position=[0] + [1] * (n - 1)))
    assert checked.value_rejects["row"].tolist() == [0]
    assert len(checked.table) == n


@pytest.mark.parametrize("nested", [["p", "q"], {"p": 1}, np.zeros(2)])
@pytest.mark.parametrize("column", ["item_id", "title", "image_path", "available", "price"])
def test_a_cell_that_holds_a_list_is_set_aside_and_a_column_of_them_refused(nested, column) -> None:
    rows = {"item_id": ["a", "b"], "image_path": ["a.jpg", "b.jpg"], "title": ["t", "t"]}
    items = pd.DataFrame({**rows, "price": [1.0, 2.0], "available": ["yes", "yes"]}).astype(object)
    items.at[0, column] = nested
    checked = check_items(items)
    assert len(checked.rejects) + len(checked.value_rejects) == 1
    items[column] = pd.Series([nested, nested], dtype=object)
    with pytest.raises(SchemaError, match=column):
        check_items(items)
