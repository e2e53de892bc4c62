"""A log too large for memory: parted by shoppers, then made canonical part by part.

The rows kept, set aside and counted are those that the whole log at once would give.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.clocks import ClockLimits, microseconds_of
from features.config import LogConfig
from features.contracts.names import check_event_types, name_event_types, rename_columns
from features.contracts.strings import read_ids
from features.events import require_outcomes
from features.exposures import Matches, Stamping, matched_exposures
from features.ids import IdMap
from features.rejects import join_rejects
from features.schema import SchemaError
from pipelines.stages.canonical import CheckedLog, as_of, check_log, clean_log, nothing_left
from pipelines.stages.withhold import NOTHING, Withholding
from pipelines.stores import storage
from pipelines.stores.event_buckets import (
    FACTS,
    FOLDER,
    LogFacts,
    bucket_count,
    bucket_name,
    read_bucket,
    user_bucket,
)
from pipelines.stores.input_tables import table_files
from pipelines.stores.workspace import Workspace

LARGE_LOG_ROWS: Final = 2_000_000
"""Rows from which a log is not read at once, where its file is Parquet and says its types."""
RAW: Final = "tables/raw"
_ROWS_AT_ONCE: Final = 500_000
_ROW: Final = "row in the log"
_TYPED: Final = ("user_id", "item_id", "timestamp", "event_type")


@dataclass(frozen=True)
class CountedLog:
    """What `prepare` tells of a log: its raw `rows`, its facts, what was set aside and lost, as
    `CanonicalLog` has them, how many impressions are kept, how outcomes matched, and the times of
    the events kept, datetime64[us] (n,); `head` has the raw log's columns. `opted_out` and
    `withheld` as in `CanonicalLog`."""

    rows: int
    facts: LogFacts
    rejects: pd.DataFrame
    value_rejects: pd.DataFrame
    lost: pd.DataFrame
    impressions: int
    matches: Matches
    times: NDArray[np.datetime64]
    head: pd.DataFrame
    opted_out: list[str]
    withheld: dict[str, int]


def raw_rows(path: Path) -> int | None:
    """How many rows the log at `path` has; None where it must be read to tell, or cannot be read.

    Told by Parquet files alone; not by a folder with folders in it, whose names are columns.
    """
    files = table_files(path)
    if not files or any(file.suffix.lower() not in (".parquet", ".pq") for file in files):
        return None
    if path.is_dir() and any(file.parent != path for file in files):
        return None
    try:
        return sum(int(pq.ParquetFile(file).metadata.num_rows) for file in files)
    except (pa.ArrowException, OSError):
        return None


def large_log_size(path: Path, config: LogConfig) -> tuple[int, int]:
    """(rows, shoppers) of a log that `is_typed`, as they are in its files."""
    users: set[str] = set()
    for batch in _batches(path):
        named = _renamed(batch, config).column("user_id")
        users.update(read_ids(named.unique().to_pandas())[0].dropna())
    return raw_rows(path) or 0, len(users)


def is_typed(path: Path, config: LogConfig) -> bool:
    """Whether the log's Parquet files have the columns that decide, of one final type for all.

    Ids are text or whole numbers, event types text, and times are times.
    """
    try:
        schema = _schema(path)
    except pa.ArrowException:
        return False
    kinds = {field.name: field.type for field in _renamed(schema.empty_table(), config).schema}
    if not set(_TYPED) <= set(kinds) or not pa.types.is_timestamp(kinds["timestamp"]):
        return False
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_null)
    ids = [name for name in kinds if name.endswith("_id")]
    return any(is_kind(kinds["event_type"]) for is_kind in text) and all(
        any(is_kind(kinds[name]) for is_kind in (*text, pa.types.is_integer)) for name in ids
    )


def prepare_large_log(
    workspace: Workspace,
    path: Path,
    config: LogConfig,
    item_ids: IdMap,
    style_ids: IdMap,
    clock_utc: pd.Timestamp | None = None,
    rule: Withholding = NOTHING,
) -> CountedLog:
    """Write the canonical log of the Parquet file or folder at `path` to its buckets.

    Memory holds one bucket, what is set aside, and eight bytes for each event. Raises SchemaError
    as `canonical_log` does.
    """
    clock = pd.Timestamp.now("UTC") if clock_utc is None else clock_utc
    rows = raw_rows(path) or 0
    buckets = bucket_count(rows)
    raw = workspace.path(RAW)
    try:
        _part(path, config, raw, buckets, rule)
        checked = [
            _check_bucket(raw / bucket_name(bucket), config, item_ids, style_ids, rule)
            for bucket in range(buckets)
        ]
        every_time = np.concatenate([times for _, times in checked])
        if not len(every_time):
            rejects = join_rejects([log.rejects for log, _ in checked])
            raise nothing_left(rows, rejects, _summed([log.withheld for log, _ in checked]))
        limits = ClockLimits.of(every_time, clock, as_of(config))
        parts = [
            _clean_bucket(workspace, bucket, log, config, limits)
            for bucket, (log, _) in enumerate(checked)
        ]
    finally:
        shutil.rmtree(raw, ignore_errors=True)
    rejects = join_rejects([part.rejects for part in parts])
    kept = np.concatenate([part.times for part in parts])
    withheld = _summed([part.withheld for part in parts])
    if not len(kept):
        raise nothing_left(rows, rejects, withheld)
    outcomes = [part.outcomes for part in parts]
    if not any(outcomes):
        require_outcomes(pd.DataFrame({"event_type": ["impression"] * len(kept)}), rejects)
    facts = LogFacts(
        buckets,
        sum(part.users for part in parts),
        len(kept),
        pd.Timestamp(kept.min(), tz="UTC"),
        pd.Timestamp(kept.max(), tz="UTC"),
        any(part.looks_shown for part in parts),
        Stamping.joined([part.stamping for part in parts], outcomes),
    )
    facts.save(workspace.path(FACTS))
    return CountedLog(
        rows,
        facts,
        rejects,
        join_rejects([part.value_rejects for part in parts]),
        join_rejects([part.lost for part in parts]),
        len(kept) - sum(sum(told.values()) for told in outcomes),
        _matches(workspace, facts, config),
        kept,
        _schema(path).empty_table().to_pandas(),
        sorted(user for part in parts for user in part.opted_out),
        withheld,
    )


@dataclass(frozen=True)
class _Part:
    """What is told of one bucket; `outcomes`: how many of each type."""

    rejects: pd.DataFrame
    value_rejects: pd.DataFrame
    lost: pd.DataFrame
    users: int
    times: NDArray[np.datetime64]
    looks_shown: bool
    stamping: Stamping
    outcomes: dict[str, int]
    opted_out: list[str]
    withheld: dict[str, int]


def _check_bucket(
    path: Path, config: LogConfig, item_ids: IdMap, style_ids: IdMap, rule: Withholding
) -> tuple[CheckedLog, NDArray[np.int64]]:
    """The raw bucket at `path` by its contract, and its times.

    Its rows replace the file: what is returned has none, so that memory holds one bucket.
    """
    raw = pd.read_parquet(path)
    at = raw.pop(_ROW).to_numpy(dtype=np.int64)
    log = check_log(raw, config, item_ids, style_ids, rule, at)
    storage.write_table(path, log.table.assign(**{_ROW: log.rows}))
    return replace(log, table=log.table.head(0)), microseconds_of(log.table["timestamp"])


def _clean_bucket(
    workspace: Workspace, bucket: int, checked: CheckedLog, config: LogConfig, limits: ClockLimits
) -> _Part:
    table = pd.read_parquet(workspace.path(f"{RAW}/{bucket_name(bucket)}"))
    table = table.drop(columns=_ROW).astype(checked.table.dtypes.to_dict())
    log = clean_log(replace(checked, table=table), config, limits)
    events = log.events
    workspace.write(f"{FOLDER}/{bucket_name(bucket)}", events)
    done = events.loc[events["event_type"] != "impression", "event_type"]
    return _Part(
        log.rejects,
        log.value_rejects,
        log.lost,
        int(events["user_id"].nunique()),
        events["timestamp"].to_numpy(dtype="datetime64[us]"),
        bool(events["style_id"].notna().any()),
        Stamping.of(events, few=False),
        {str(kind): int(n) for kind, n in done.value_counts().items()},
        log.opted_out,
        log.withheld,
    )


def _summed(counts: list[dict[str, int]]) -> dict[str, int]:
    return {why: sum(told[why] for told in counts) for why in counts[0]}


def _part(path: Path, config: LogConfig, raw: Path, buckets: int, rule: Withholding) -> None:
    """Write the raw rows of each bucket of shoppers, with their places in the log.

    Raises SchemaError, as `check_events`, for what only the whole log tells of its words.
    """
    start = 0
    words = _Words()
    storage.make_folder(raw)
    with ExitStack() as open_files:
        files = [
            open_files.enter_context(storage.GrowingTable(raw / bucket_name(bucket)))
            for bucket in range(buckets)
        ]
        for batch in _batches(path):
            named = _renamed(batch, config)
            words.count(named)
            users = read_ids(named.column("user_id").to_pandas())[0]
            place = user_bucket(rule.names(users).fillna(""), buckets)
            placed = batch.append_column(_ROW, pa.array(np.arange(start, start + len(batch))))
            start += len(batch)
            # Sorted by bucket, each is a slice: one pass over the batch in the place of many.
            order = np.argsort(place, kind="stable")
            ends = np.cumsum(np.bincount(place, minlength=buckets))
            placed = placed.take(pa.array(order))
            for file, first, last in zip(files, [0, *ends[:-1]], ends, strict=True):
                file.add(placed.slice(first, last - first))
    words.check(config)


def _schema(path: Path) -> pa.Schema:
    """One schema for the log's Parquet files, of plain types; raises ArrowException for none."""
    plain = []
    for file in table_files(path):
        fields = [
            pa.field(field.name, kind.value_type if pa.types.is_dictionary(kind) else kind)
            for field in pq.read_schema(file)
            for kind in [field.type]
        ]
        plain.append(pa.schema(fields))
    return pa.unify_schemas(plain, promote_options="permissive")


def _batches(path: Path) -> Iterator[pa.Table]:
    """The log's rows some at a time, all of one schema; a column that a file lacks is null."""
    schema = _schema(path)
    for file in table_files(path):
        for batch in pq.ParquetFile(file).iter_batches(_ROWS_AT_ONCE):
            table = pa.Table.from_batches([batch])
            columns = [
                table.column(field.name).cast(field.type)
                if field.name in table.column_names
                else pa.nulls(len(table), field.type)
                for field in schema
            ]
            yield pa.Table.from_arrays(columns, schema=schema)


def _renamed(table: pa.Table, config: LogConfig) -> pa.Table:
    """`table` with those of its columns that decide under our names."""
    empty = pd.DataFrame(columns=table.column_names)
    known = ["user_id", "item_id", "timestamp", "event_type", "style_id", "position"]
    named = rename_columns(empty, "events", known, config.columns_of("events"))
    return table.rename_columns([str(name) for name in named.columns])


class _Words:
    """Counts what only the whole log tells of its event types and positions."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._zeros = self._given = 0

    def count(self, named: pa.Table) -> None:
        """Take in some rows, under our names."""
        for told in pc.value_counts(named.column("event_type")).to_pylist():
            if told["values"] is not None:
                before = self._counts.get(told["values"], 0)
                self._counts[told["values"]] = before + told["counts"]
        if "position" in named.column_names:
            position = named.column("position")
            self._given += len(position) - position.null_count
            self._zeros += int(pc.sum(pc.equal(position, 0)).as_py() or 0)

    def check(self, config: LogConfig) -> None:
        """Raise SchemaError, as `check_events`."""
        told = name_event_types(pd.Series(list(self._counts), dtype="str"), config.event_types)
        check_event_types(told.repeat(list(self._counts.values())), "events")
        if self._zeros > 1 and self._zeros >= 0.01 * self._given:
            raise SchemaError(
                f"events: positions run from 0: got 0 in {self._zeros:,} of {self._given:,}; "
                "expected the top place to be 1: add 1 to the column 'position'"
            )


def _matches(workspace: Workspace, facts: LogFacts, config: LogConfig) -> Matches:
    total = Matches(0, 0, 0)
    for bucket in range(facts.buckets):
        events = read_bucket(workspace, bucket)
        found = matched_exposures(events, config.clock_tolerance_s, facts.stamping)[1]
        total = Matches(
            total.outcomes + found.outcomes,
            total.early + found.early,
            total.unmatched + found.unmatched,
        )
    return total
