"""UCI Online Retail -> canonical tables."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from features.adapters.online_retail import load_online_retail
from features.schema import InputError, SchemaError

SECOND_EDITION = """\
Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
489434,85048,15CM CHRISTMAS GLASS BALL 20 LIGHTS,12,2009-12-01 07:45:00,6.95,13085.0,United Kingdom
489435,85048,15CM CHRISTMAS GLASS BALL 20 LIGHTS,1,2009-12-02 07:45:00,7.95,13086.0,United Kingdom
489436,85048,damaged,1,2009-12-03 07:45:00,8.95,13086.0,United Kingdom
489434,79323P,PINK CHERRY LIGHTS,12,2009-12-01 07:45:00,6.75,13085.0,United Kingdom
C489449,22087,PAPER BUNTING WHITE LACE,-12,2009-12-01 10:33:00,2.95,16321.0,Australia
489525,22087,PAPER BUNTING WHITE LACE,3,2009-12-01 11:00:00,2.95,,United Kingdom
489526,POST,POSTAGE,1,2009-12-01 11:10:00,18.0,12362.0,Belgium
489527,22087,,-3,2009-12-01 11:20:00,0.0,,United Kingdom
"""


def test_lines_become_purchases_and_the_rest_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "online_retail_II.csv"
    path.write_text(SECOND_EDITION)
    tables = load_online_retail(tmp_path)
    assert tables.set_aside == {"cancelled or returned": 2, "no customer": 1, "not a product": 1}
    events = tables.events
    assert len(events) + sum(tables.set_aside.values()) == 8
    assert events["user_id"].tolist() == ["13085", "13086", "13086", "13085"]
    assert events["item_id"].tolist() == ["85048", "85048", "85048", "79323P"]
    assert events["session_id"].tolist() == ["489434", "489435", "489436", "489434"]
    assert set(events["event_type"]) == {"purchase"}
    assert events["timestamp"].iloc[0] == pd.Timestamp("2009-12-01 07:45", tz="UTC")
    assert tables.items[["item_id", "title", "price"]].to_numpy().tolist() == [
        ["79323P", "PINK CHERRY LIGHTS", 6.75],
        ["85048", "15CM CHRISTMAS GLASS BALL 20 LIGHTS", 7.95],
    ]


def test_the_first_edition_gives_the_same_tables(tmp_path: Path) -> None:
    second, first = tmp_path / "second.csv", tmp_path / "first.csv"
    second.write_text(SECOND_EDITION)
    lines = pd.read_csv(second, dtype=str).rename(
        columns={"Invoice": "InvoiceNo", "Price": "UnitPrice", "Customer ID": "CustomerID"}
    )
    times = pd.to_datetime(lines["InvoiceDate"])
    typed = lines.assign(
        InvoiceDate=times,
        Quantity=lines["Quantity"].astype(int),
        CustomerID=lines["CustomerID"].astype(float).astype("Int32"),
    )
    typed.to_parquet(tmp_path / "first.parquet")
    lines["InvoiceDate"] = times.dt.strftime("%m/%d/%Y %H:%M").str.removeprefix("0")
    lines.to_csv(first, index=False)
    expected = load_online_retail(second)
    for path in (first, tmp_path / "first.parquet"):
        tables = load_online_retail(path)
        assert_frame_equal(tables.events, expected.events)
        assert_frame_equal(tables.items, expected.items)
        assert tables.set_aside == expected.set_aside


def test_a_missing_column_or_file_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    path.write_text(SECOND_EDITION.replace("Customer ID", "Client"))
    with pytest.raises(
        SchemaError, match="'Customer ID' or 'CustomerID' is missing: found Invoice"
    ):
        load_online_retail(path)
    with pytest.raises(InputError, match=r"online_retail_II.xlsx.* is there: found nothing"):
        load_online_retail(tmp_path / "nowhere")


def test_a_workbook_without_openpyxl_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    path = tmp_path / "online_retail_II.xlsx"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="needs the package openpyxl"):
        load_online_retail(path)


def copy_with_dates(folder: Path, form: str, days: int = 40, encoding: str = "utf-8") -> Path:
    """A line a day from 2010-12-01, dates in `form`, with a pound sign in the title."""
    dates = pd.date_range("2010-12-01 08:26", periods=days, freq="D")
    path = folder / "online_retail.csv"
    head = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    lines = [
        f"{536365 + i},85123A,GIFT £5 HOLDER,6,{day.strftime(form)},2.55,17850,United Kingdom\n"
        for i, day in enumerate(dates)
    ]
    path.write_bytes("".join([head, *lines]).encode(encoding))
    return path


@pytest.mark.parametrize(
    ("form", "encoding"),
    [
        ("%Y-%m-%d %H:%M:%S", "utf-8"),
        ("%m/%d/%Y %H:%M", "latin-1"),
        ("%d/%m/%Y %H:%M", "utf-8"),
        ("%d-%m-%Y %H:%M", "utf-16"),
        ("%m/%d/%Y %H:%M:%S", "utf-8"),
        ("%m/%d/%y %H:%M", "utf-8"),
        ("%d.%m.%Y %H:%M", "utf-8"),
        ("%d-%b-%Y %H:%M", "utf-8"),
    ],
)
def test_no_day_is_invented_whatever_the_order_of_its_date(
    tmp_path: Path, form: str, encoding: str
) -> None:
    tables = load_online_retail(copy_with_dates(tmp_path, form, 40, encoding))
    expected = pd.date_range("2010-12-01", periods=40, freq="D", tz="UTC")
    assert tables.events["timestamp"].dt.floor("D").tolist() == expected.tolist()
    assert tables.items["title"].tolist() == ["GIFT £5 HOLDER"]


def test_dates_that_could_be_either_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "online_retail.csv"
    text = copy_with_dates(tmp_path, "%Y-%m-%d", 2).read_text()
    path.write_text(text.replace("2010-12-01", "01/02/2010").replace("2010-12-02", "02/03/2010"))
    with pytest.raises(SchemaError, match=r"such as '01/02/2010' may be day or month first"):
        load_online_retail(path)
    for first, month in ((True, 2), (False, 1)):
        events = load_online_retail(path, day_first=first).events
        assert events["timestamp"].dt.month.iloc[0] == month
