"""Contracts of the input tables (events, items, styles), checked once at the stage edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.columns import Kind, Mask, parse
from features.ids import IdMap
from features.rejects import join_rejects, rejected
from features.schema import EVENT_TYPES, ORIGINAL, SchemaError


@dataclass(frozen=True)
class Column:
    """One column of a contract: its name, what it holds, and whether each row must fill it.

    A `required` column that is `all_or_none` may be left empty in every row.
    """

    name: str
    kind: Kind
    required: bool = False
    all_or_none: bool = False
    low: float = -np.inf
    high: float = np.inf
    low_open: bool = False


EVENT_COLUMNS: Final = (
    Column("user_id", "id", required=True),
    Column("item_id", "id", required=True),
    Column("timestamp", "time", required=True),
    Column("event_type", "id", required=True),
    Column("dwell_s", "number", low=0.0),
    Column("style_id", "id"),
    Column("style_drawn", "id"),
    Column("position", "whole", low=1, high=np.iinfo(np.int16).max),
    Column("propensity", "number", low=0.0, high=1.0, low_open=True),
    Column("session_id", "id"),
    Column("channel", "id"),
)
ITEM_COLUMNS: Final = (
    Column("item_id", "id", required=True),
    Column("image_path", "id", required=True, all_or_none=True),
    Column("title", "text"),
    Column("category", "text"),
    Column("price", "number", low=0.0),
    Column("mask_path", "id"),
    Column("available", "flag"),
)
STYLE_COLUMNS: Final = (
    Column("style_id", "id", required=True),
    Column("name", "text"),
    Column("image_path", "id", required=True),
    Column("tags", "text"),
    Column("verbatim", "permission"),
)


class _Table:
    """One table on its way through its contract; the first fault of a row is the one reported."""

    def __init__(self, name: str, table: pd.DataFrame, columns: tuple[Column, ...]) -> None:
        self.name, self.raw, self.columns = name, table, columns
        self.bad: Mask = np.zeros(len(table), dtype=bool)
        self.faults: list[pd.DataFrame] = []
        self.clean = pd.DataFrame(index=pd.RangeIndex(len(table)))

    def check_shape(self) -> None:
        needed = [column.name for column in self.columns if column.required]
        found = ", ".join(map(str, self.raw.columns)) or "no columns"
        for name in needed:
            if name not in self.raw.columns:
                raise SchemaError(
                    f"{self.name}: column {name!r} is missing: found {found}; "
                    f"expected {', '.join(needed)}: add the column or rename the one that holds it"
                )
        for column in self.columns:
            if list(self.raw.columns).count(column.name) > 1:
                raise SchemaError(
                    f"{self.name}: column {column.name!r} occurs more than once: found {found}; "
                    "expected each name once: drop or rename the extra one"
                )
        if self.raw.empty:
            raise SchemaError(
                f"{self.name}: the table is empty: got 0 rows, expected at least 1: "
                "check the file and the filters before it"
            )

    def parse_columns(self) -> None:
        for column in self.columns:
            raw: pd.Series | None = None
            if column.name in self.raw.columns:
                raw = self.raw[column.name].reset_index(drop=True)
            if raw is None or bool(raw.isna().all()):
                if column.required and not column.all_or_none:
                    raise SchemaError(
                        f"{self.name}: column {column.name!r} has no value: got only nulls in "
                        f"{len(self.raw)} rows, expected one in every row: fill it"
                    )
                raw = pd.Series(np.full(len(self.raw), np.nan))
            where = f"{self.name}: column {column.name!r}"
            values, wrong, expected = parse(raw, column.kind, where)
            self.reject(wrong, column.name, f"{column.name} is not {expected}")
            if column.required and not (column.all_or_none and bool(values.isna().all())):
                self.reject(values.isna().to_numpy(), column.name, f"{column.name} is missing")
            if column.kind in ("number", "whole"):
                values = self._within_range(column, values)
            self.clean[column.name] = values

    def _within_range(self, column: Column, values: pd.Series) -> pd.Series:
        below = values <= column.low if column.low_open else values < column.low
        outside = below | (values > column.high) | np.isinf(values)
        bracket = "(" if column.low_open else "["
        span = f"{bracket}{column.low:g}, {column.high:g}]"
        self.reject(outside.to_numpy(), column.name, f"{column.name} is outside {span}")
        kept = values.mask(outside)
        return kept.astype("Int16") if column.kind == "whole" else kept

    def reject(self, mask: NDArray[np.bool_], column: str, reason: str) -> None:
        rows = np.flatnonzero(mask & ~self.bad)
        if rows.size:
            keys, got = self.raw[self.columns[0].name], self.raw[column]
            self.faults.append(rejected(self.name, rows, keys.iloc[rows], reason, got.iloc[rows]))
            self.bad[rows] = True

    def reject_unknown(self, column: str, known: IdMap | None, catalogue: str) -> None:
        if known is not None:
            values = self.clean[column]
            unknown = ~values.isin(list(known.ids)) & values.notna()
            self.reject(unknown.to_numpy(), column, f"{column} is not in the {catalogue} table")

    def reject_repeated(self, column: str) -> None:
        repeated = np.zeros_like(self.bad)
        repeated[~self.bad] = self.clean.loc[~self.bad, column].duplicated()
        self.reject(repeated, column, f"{column} occurs more than once: the first row was kept")

    def result(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        rejects = join_rejects(self.faults)
        if self.bad.all():
            first = rejects.iloc[0]
            raise SchemaError(
                f"{self.name}: none of {len(self.raw)} rows can be used: first {first['reason']}, "
                f"got {first['got']}: compare the file with the data contract"
            )
        return self.clean.loc[~self.bad].reset_index(drop=True), rejects


def validate_events(
    events: pd.DataFrame, item_ids: IdMap | None = None, style_ids: IdMap | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Check an event log and bring it to canonical columns and dtypes, in the input's order.

    A `style_id` of `original` becomes null; times without a zone are taken as UTC; columns outside
    the contract are dropped. With `item_ids` / `style_ids`, rows of unknown ids are set aside.
    Returns the clean table and the rejects (columns table, row, key, reason, got). Raises
    SchemaError when a column is missing or wholly of a wrong type, and when no row is left.
    """
    table = _Table("events", events, EVENT_COLUMNS)
    table.check_shape()
    table.parse_columns()
    table.reject(
        ~table.clean["event_type"].isin(EVENT_TYPES).to_numpy(),
        "event_type",
        f"event_type is not one of {', '.join(EVENT_TYPES)}",
    )
    looks = table.clean["style_id"]
    table.clean["style_id"] = looks.mask(looks == ORIGINAL)
    table.reject_unknown("item_id", item_ids, "items")
    table.reject_unknown("style_id", style_ids, "styles")
    return table.result()


def validate_items(items: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Check a catalogue and bring it to canonical columns and dtypes, in the input's order.

    Absent optional columns are filled: title and category '', price NaN, mask_path null,
    available True. A catalogue without pictures leaves `image_path` empty in every row; among
    others, a row without one is set aside. Of a repeated `item_id` the first good row is kept.
    Returns the clean table and the rejects; raises SchemaError as `validate_events` does.
    """
    table = _Table("items", items, ITEM_COLUMNS)
    table.check_shape()
    table.parse_columns()
    table.reject_repeated("item_id")
    return table.result()


def validate_styles(styles: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Check a table of looks and bring it to canonical columns and dtypes, in the input's order.

    An empty `name` becomes the `style_id`, an absent `verbatim` False; the reserved id `original`
    is set aside; of a repeated `style_id` the first good row is kept. Returns the clean table and
    the rejects; raises SchemaError as `validate_events` does.
    """
    table = _Table("styles", styles, STYLE_COLUMNS)
    table.check_shape()
    table.parse_columns()
    names = table.clean["name"]
    table.clean["name"] = names.where(names != "", table.clean["style_id"])
    reserved = (table.clean["style_id"] == ORIGINAL).to_numpy()
    table.reject(reserved, "style_id", f"style_id {ORIGINAL!r} is reserved for the plain photo")
    table.reject_repeated("style_id")
    return table.result()
