"""Contracts of the input tables (events, items, styles), checked once at the stage edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.contracts.columns import MEND, Mask, flatten, parse
from features.contracts.layout import COLUMNS, Column
from features.contracts.names import (
    IGNORE,
    check_event_types,
    missing_column,
    name_event_types,
    rename_columns,
)
from features.ids import IdMap
from features.rejects import join_rejects, rejected
from features.schema import EVENT_TYPES, ORIGINAL, SchemaError

_FEWEST_ZERO_BASED: Final = 0.01
"""Share of positions that are 0 from which they are taken to run from 0."""


@dataclass(frozen=True)
class Checked:
    """A table brought to its contract, and what it cost.

    `table`: canonical columns and dtypes, in the input's order, index 0..n-1. `rows`: where each
    of its rows was in the input, from 0, int64 (n,). `rejects`: the rows set aside, and
    `value_rejects`: the values set aside in rows that were kept, both with columns table, row,
    key, reason, got. `opt_outs`, of a log alone: user_id, timestamp and opt_out of every row that
    has them, those set aside too, of the shoppers who opted out in any row; no other is there.
    """

    table: pd.DataFrame
    rows: NDArray[np.int64]
    rejects: pd.DataFrame
    value_rejects: pd.DataFrame
    opt_outs: pd.DataFrame | None = None

    @property
    def placed(self) -> pd.DataFrame:
        """`table` with `rows` as a column `row`."""
        return self.table.assign(row=self.rows)


class _Table:
    """One table on its way through its contract; the first fault of a row is the one reported."""

    def __init__(
        self,
        name: str,
        table: pd.DataFrame,
        told: Mapping[str, str],
        day_first: bool | None = None,
        part: bool = False,
    ) -> None:
        self.part = part
        self.name, self.columns = name, COLUMNS[name]
        known = [column.name for column in self.columns]
        self.raw = flatten(rename_columns(table, name, known, told))
        self.day_first = day_first
        self.bad: Mask = np.zeros(len(table), dtype=bool)
        self.faults: list[pd.DataFrame] = []
        self.odd_values: list[pd.DataFrame] = []
        self.clean = pd.DataFrame(index=pd.RangeIndex(len(table)))

    def check_shape(self) -> None:
        known = [column.name for column in self.columns]
        needed = [column.name for column in self.columns if column.required]
        found = [str(column) for column in self.raw.columns]
        for name in needed:
            if name not in found:
                raise missing_column(self.name, name, found, needed, known)
        for name in known:
            if found.count(name) > 1:
                raise SchemaError(
                    f"{self.name}: column {name!r} occurs more than once: found "
                    f"{', '.join(found)}; expected each name once: drop or rename the extra one"
                )
        if self.raw.empty and not self.part:
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
                if column.required and not column.all_or_none and not self.part:
                    raise SchemaError(
                        f"{self.name}: column {column.name!r} has no value: got only nulls in "
                        f"{len(self.raw)} rows, expected one in every row: fill it"
                    )
                raw = pd.Series(np.full(len(self.raw), np.nan))
            where = f"{self.name}: column {column.name!r}"
            values, wrong, expected = parse(raw, column.kind, where, self.day_first)
            self._fault(column, wrong, f"{column.name} is not {expected}")
            if column.required and not (column.all_or_none and bool(values.isna().all())):
                self.reject(values.isna().to_numpy(), column.name, f"{column.name} is missing")
            if column.kind in ("number", "whole"):
                values = self._within_range(column, values)
            self.clean[column.name] = values

    def _within_range(self, column: Column, values: pd.Series) -> pd.Series:
        if column.name == "position" and not self.part:
            self._refuse_from_zero(values)
        below = values <= column.low if column.low_open else values < column.low
        outside = below | (values > column.high) | np.isinf(values)
        bracket = "(" if column.low_open else "["
        span = f"{bracket}{column.low:g}, {column.high:g}]"
        self._fault(column, outside.to_numpy(), f"{column.name} is outside {span}")
        kept = values.mask(outside)
        return kept.astype("Int16") if column.kind == "whole" else kept

    def _refuse_from_zero(self, values: pd.Series) -> None:
        zeros, given = int((values == 0).sum()), int(values.notna().sum())
        if zeros > 1 and zeros >= _FEWEST_ZERO_BASED * given:
            raise SchemaError(
                f"{self.name}: positions run from 0: got 0 in {zeros:,} of {given:,}, first in row "
                f"{int(np.flatnonzero(values == 0)[0])}; expected the top place to be 1: add 1 to "
                "the column 'position'"
            )

    def _fault(self, column: Column, mask: Mask, reason: str) -> None:
        if column.required or column.decisive:
            self.reject(mask, column.name, reason)
            return
        rows = np.flatnonzero(mask & ~self.bad)
        if rows.size:
            told = f"{reason}: the value was set aside, the row kept: {MEND[column.kind]}"
            self.odd_values.append(self._noted(rows, column.name, told))

    def _noted(self, rows: NDArray[np.int64], column: str, reason: str) -> pd.DataFrame:
        keys, got = self.raw[self.columns[0].name], self.raw[column]
        return rejected(self.name, rows, keys.iloc[rows], reason, got.iloc[rows])

    def reject(self, mask: NDArray[np.bool_], column: str, reason: str) -> None:
        rows = np.flatnonzero(mask & ~self.bad)
        if rows.size:
            self.faults.append(self._noted(rows, column, reason))
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

    def result(self) -> Checked:
        rejects = join_rejects(self.faults)
        if self.bad.all() and not self.part:
            first = rejects.iloc[0]
            raise SchemaError(
                f"{self.name}: none of {len(self.raw)} rows can be used: first {first['reason']}, "
                f"got {first['got']}: compare the file with the data contract"
            )
        odd = join_rejects(self.odd_values)
        rows = np.flatnonzero(~self.bad)
        return Checked(
            self.clean.iloc[rows].reset_index(drop=True),
            rows,
            rejects,
            odd[~odd["row"].isin(np.flatnonzero(self.bad))].reset_index(drop=True),
        )


def check_events(
    events: pd.DataFrame,
    item_ids: IdMap | None = None,
    style_ids: IdMap | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    event_types: Mapping[str, str] | None = None,
    day_first: bool | None = None,
    part: bool = False,
) -> Checked:
    """Check an event log and bring it to canonical columns and dtypes, in the input's order.

    A `style_id` of `original` becomes null; times without a zone are taken as UTC; columns outside
    the contract are dropped. With `item_ids` / `style_ids`, rows of unknown ids are set aside.
    `columns` (our name -> the table's), `event_types` (the table's word -> ours, or `ignore`) and
    `day_first` as in `features.config.LogConfig`. Of a `part` of a log, which has rows and columns
    of their final types, rows alone are judged: what the whole log tells is not. Raises SchemaError
    when a column is missing or wholly of a wrong type, when event types of another name would be
    lost, when positions run from 0, and when no row is left.
    """
    table = _Table("events", events, columns or {}, day_first, part)
    table.check_shape()
    table.parse_columns()
    types = name_event_types(table.clean["event_type"], event_types or {})
    if not part:
        check_event_types(types, "events")
    table.clean["event_type"] = types
    table.reject((types == IGNORE).to_numpy(), "event_type", "event_type is to be ignored")
    table.reject(
        ~types.isin(EVENT_TYPES).to_numpy(),
        "event_type",
        f"event_type is not one of {', '.join(EVENT_TYPES)}",
    )
    looks = table.clean["style_id"]
    table.clean["style_id"] = looks.mask(looks == ORIGINAL)
    table.reject_unknown("item_id", item_ids, "items")
    table.reject_unknown("style_id", style_ids, "styles")
    return replace(table.result(), opt_outs=_opt_outs(table.clean))


def _opt_outs(clean: pd.DataFrame) -> pd.DataFrame:
    """What the shoppers who opted out in any row say of it, in rows with an id and a time."""
    said = clean.loc[
        clean["user_id"].notna() & clean["timestamp"].notna(), ["user_id", "timestamp", "opt_out"]
    ]
    theirs = said["user_id"].isin(said.loc[said["opt_out"], "user_id"].unique())
    return said[theirs].reset_index(drop=True)


def check_items(items: pd.DataFrame, columns: Mapping[str, str] | None = None) -> Checked:
    """Check a catalogue and bring it to canonical columns and dtypes, in the input's order.

    Absent optional columns are filled: title and category '', price NaN, mask_path and
    video_path null, available True. A catalogue without pictures leaves `image_path` empty in
    every row; among others, a row without one is set aside. Of a repeated `item_id` the first good
    row is kept.
    `columns` maps our name of a column to the table's. Raises SchemaError as `check_events` does.
    """
    table = _Table("items", items, columns or {})
    table.check_shape()
    table.parse_columns()
    table.reject_repeated("item_id")
    return table.result()


def check_styles(styles: pd.DataFrame, columns: Mapping[str, str] | None = None) -> Checked:
    """Check a table of looks and bring it to canonical columns and dtypes, in the input's order.

    An empty `name` becomes the `style_id`, an absent `verbatim` False; the reserved id `original`
    is set aside; of a repeated `style_id` the first good row is kept. `columns` maps our name of
    a column to the table's. Raises SchemaError as `check_events` does.
    """
    table = _Table("styles", styles, columns or {})
    table.check_shape()
    table.parse_columns()
    names = table.clean["name"]
    table.clean["name"] = names.where(names != "", table.clean["style_id"])
    reserved = (table.clean["style_id"] == ORIGINAL).to_numpy()
    table.reject(reserved, "style_id", f"style_id {ORIGINAL!r} is reserved for the plain photo")
    table.reject_repeated("style_id")
    return table.result()


def validate_events(
    events: pd.DataFrame, item_ids: IdMap | None = None, style_ids: IdMap | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`check_events` as a pair: the canonical log and the rows set aside."""
    checked = check_events(events, item_ids, style_ids)
    return checked.table, checked.rejects


def validate_items(items: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`check_items` as a pair: the canonical catalogue and the rows set aside."""
    checked = check_items(items)
    return checked.table, checked.rejects


def validate_styles(styles: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`check_styles` as a pair: the canonical looks and the rows set aside."""
    checked = check_styles(styles)
    return checked.table, checked.rejects
