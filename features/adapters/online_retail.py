"""UCI Online Retail (I and II): purchase lines of a British gift shop.

Daqing Chen, "Online Retail II", UCI Machine Learning Repository, doi 10.24432/C5CG6D.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from features.adapters.source import Tables, find, finish
from features.contracts.numbers import read_numbers
from features.contracts.times import AmbiguousDatesError, read_times
from features.schema import InputError, SchemaError
from features.text_files import read_text_table

# The two editions name half of their columns differently.
NAMES: Final = {
    "session_id": ("Invoice", "InvoiceNo"),
    "item_id": ("StockCode",),
    "title": ("Description",),
    "quantity": ("Quantity",),
    "timestamp": ("InvoiceDate",),
    "price": ("Price", "UnitPrice"),
    "user_id": ("Customer ID", "CustomerID"),
}


_YEARS: Final = (pd.Timestamp("2009-12-01", tz="UTC"), pd.Timestamp("2011-12-10", tz="UTC"))
"""When the shop's lines are from."""


def load_online_retail(path: Path, day_first: bool | None = None) -> Tables:
    """Read purchase lines from a .csv, .parquet or .xlsx file (every sheet), or from its folder.

    Columns as in either edition: Invoice or InvoiceNo, StockCode, Description, Quantity,
    InvoiceDate, Price or UnitPrice, Customer ID or CustomerID. Each line is a purchase in the
    session of its invoice; dates written as text may be ISO, month/day/year or day/month/year, in
    one order throughout (`day_first` says which; None: told from the column), and are taken as UTC.
    Cancellations, returns, lines without a customer and lines of no product (postage, fees,
    vouchers: codes that do not begin with five digits) are set aside and counted. An item's title
    is its most frequent description, its price the median of its lines'.
    Raises InputError for a file that cannot be read, SchemaError for a missing column.
    """
    lines = _named(
        _read(
            find(
                path,
                "online_retail_II.xlsx",
                "online_retail_II.csv",
                "Online Retail.xlsx",
                "online_retail.csv",
            )
        )
    )
    lines["user_id"] = lines["user_id"].astype("str").str.replace(r"\.0$", "", regex=True)
    lines["item_id"] = lines["item_id"].astype("str").str.strip()
    lines["timestamp"] = _times(lines["timestamp"], day_first)
    quantity = read_numbers(lines["quantity"])[0]

    invoice = lines["session_id"].astype("str")
    faults = {
        "cancelled or returned": invoice.str.upper().str.startswith("C") | (quantity <= 0),
        "no customer": lines["user_id"].isna(),
        "not a product": ~lines["item_id"].str.match(r"^\d{5}").fillna(False).astype(bool),
    }
    kept = pd.Series(True, index=lines.index)
    set_aside = {}
    for reason, fault in faults.items():
        set_aside[reason] = int((kept & fault).sum())
        kept &= ~fault
    lines = lines[kept].assign(session_id=invoice, event_type="purchase")
    return finish(lines, _products(lines), set_aside)


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".xlsx":
        try:
            return pd.concat(
                pd.read_excel(path, sheet_name=None, dtype="str", engine="openpyxl").values()
            )
        except ImportError:
            raise InputError(
                f"{path.name}: reading .xlsx needs the package openpyxl, which is not installed: "
                "run pip install openpyxl, or save the sheets as one .csv file"
            ) from None
    return read_text_table(path, "Online Retail")


def _named(lines: pd.DataFrame) -> pd.DataFrame:
    named = {}
    for name, choices in NAMES.items():
        column = next((choice for choice in choices if choice in lines.columns), None)
        if column is None:
            raise SchemaError(
                f"Online Retail: column {' or '.join(map(repr, choices))} is missing: found "
                f"{', '.join(map(str, lines.columns))}: is this the right file?"
            )
        named[name] = lines[column].reset_index(drop=True)
    return pd.DataFrame(named)


def _times(values: pd.Series, day_first: bool | None) -> pd.Series:
    """Times of a column, its order of day and month told by its numbers, or by the shop's years."""
    where = "Online Retail: InvoiceDate"
    try:
        return read_times(values, where, day_first)[0]
    except AmbiguousDatesError:
        orders = [read_times(values, where, first)[0] for first in (True, False)]
        inside = [bool(times.dropna().between(*_YEARS).all()) for times in orders]
        if day_first is not None or sum(inside) != 1:
            raise
        return orders[inside.index(True)]


def _products(lines: pd.DataFrame) -> pd.DataFrame:
    titles = lines.assign(title=lines["title"].astype("str").str.strip())
    counted = titles.groupby(["item_id", "title"], as_index=False).size()
    counted = counted.sort_values(["item_id", "size", "title"], ascending=[True, False, True])
    price = read_numbers(lines["price"])[0].groupby(lines["item_id"]).median()
    products = price.rename("price").reset_index()
    return products.merge(counted.drop_duplicates("item_id")[["item_id", "title"]], how="left")
