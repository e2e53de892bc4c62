"""A log too large for memory: parted by shoppers, then made canonical part by part.

The rows kept, set aside and counted are those that the whole log at once would give.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.config import LogConfig
from features.contracts.names import check_event_types, name_event_types, rename_columns
from features.contracts.strings import read_ids
from features.contracts.times import read_times
from features.events import require_outcomes
from features.exposures import Matches, Stamping, matched_exposures
from features.ids import IdMap
from features.rejects import join_rejects
from features.schema import SchemaError
from pipelines.stages.canonical import LogPart, canonical_log, nothing_left
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

LARGE_FROM: Final = 2_000_000
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
    """How many rows the log at `path` has; None where it must be read to tell, or to tell types.

    Types are told by Parquet files in which ids are text or whole numbers, event types are text
    and times are times.
    """
    files = table_files(path)
    if not files or any(file.suffix.lower() not in (".parquet", ".pq") for file in files):
        return None
    if path.is_dir() and any(file.parent != path for file in files):
        return None
    return sum(int(pq.ParquetFile(file).metadata.num_rows) for file in files)


def large_log_size(path: Path, config: LogConfig) -> tuple[int, int]:
    """(rows, shoppers) of a log that `is_typed`, as they are in its files."""
    users: set[str] = set()
    for batch in _batches(path):
        named = _renamed(batch, config).column("user_id")
        users.update(read_ids(named.unique().to_pandas())[0].dropna())
    return raw_rows(path) or 0, len(users)


def is_typed(path: Path, config: LogConfig) -> bool:
    """Whether every Parquet file of the log has the columns that decide, of one final type."""
    for file in table_files(path):
        empty = pq.ParquetFile(file).schema_arrow.empty_table()
        kinds = {field.name: field.type for field in _renamed(empty, config).schema}
        if not set(_TYPED) <= set(kinds) or not pa.types.is_timestamp(kinds["timestamp"]):
            return False
        text = (
            *(pa.types.is_string, pa.types.is_large_string, pa.types.is_integer),
            *(pa.types.is_dictionary, pa.types.is_null),
        )
        ids = [name for name in kinds if name.endswith("_id") or name == "event_type"]
        if not all(any(is_kind(kinds[name]) for is_kind in text) for name in ids):
            return False
    return True


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
    _require_names(path, config)
    buckets = bucket_count(rows)
    raw = workspace.path(RAW)
    try:
        every_time = _part(path, config, raw, buckets, rule)
        parts = [
            _clean_bucket(workspace, bucket, config, item_ids, style_ids, clock, every_time, rule)
            for bucket in range(buckets)
        ]
    finally:
        shutil.rmtree(raw, ignore_errors=True)
    rejects = join_rejects([part.rejects for part in parts])
    kept = np.concatenate([part.times for part in parts])
    withheld = {why: sum(part.withheld[why] for part in parts) for why in parts[0].withheld}
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
        next(_batches(path)).slice(0, 0).to_pandas(),
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


def _clean_bucket(
    workspace: Workspace,
    bucket: int,
    config: LogConfig,
    item_ids: IdMap,
    style_ids: IdMap,
    clock: pd.Timestamp,
    every_time: NDArray[np.int64],
    rule: Withholding,
) -> _Part:
    table = pd.read_parquet(workspace.path(f"{RAW}/{bucket_name(bucket)}"))
    at = table.pop(_ROW).to_numpy(dtype=np.int64)
    log = canonical_log(table, config, item_ids, style_ids, clock, LogPart(at, every_time), rule)
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


def _part(
    path: Path, config: LogConfig, raw: Path, buckets: int, rule: Withholding
) -> NDArray[np.int64]:
    """Write the raw rows of each bucket of shoppers, with their places; returns all times."""
    times = []
    start = 0
    storage.make_folder(raw)
    with ExitStack() as open_files:
        files = [
            open_files.enter_context(storage.GrowingTable(raw / bucket_name(bucket)))
            for bucket in range(buckets)
        ]
        for batch in _batches(path):
            named = _renamed(batch, config)
            stamps = read_times(named.column("timestamp").to_pandas())[0].dropna()
            times.append(stamps.to_numpy(dtype="datetime64[us]").astype(np.int64))
            users = read_ids(named.column("user_id").to_pandas())[0]
            place = user_bucket(rule.names(users).fillna(""), buckets)
            placed = batch.append_column(_ROW, pa.array(np.arange(start, start + len(batch))))
            start += len(batch)
            for bucket, file in enumerate(files):
                file.add(placed.filter(pa.array(place == bucket)))
    return np.concatenate(times)


def _batches(path: Path) -> Iterator[pa.Table]:
    for file in table_files(path):
        for batch in pq.ParquetFile(file).iter_batches(_ROWS_AT_ONCE):
            yield pa.Table.from_batches([batch])


def _renamed(table: pa.Table, config: LogConfig) -> pa.Table:
    """`table` with those of its columns that decide under our names."""
    empty = pd.DataFrame(columns=table.column_names)
    known = ["user_id", "item_id", "timestamp", "event_type", "style_id", "position"]
    named = rename_columns(empty, "events", known, config.columns_of("events"))
    return table.rename_columns([str(name) for name in named.columns])


def _require_names(path: Path, config: LogConfig) -> None:
    """Raise SchemaError, as `check_events`, for what only the whole log tells of its words."""
    counts: dict[Any, int] = {}
    zeros = given = 0
    for batch in _batches(path):
        named = _renamed(batch, config)
        for told in pc.value_counts(named.column("event_type")).to_pylist():
            counts[told["values"]] = counts.get(told["values"], 0) + told["counts"]
        if "position" in named.column_names:
            position = named.column("position")
            given += len(position) - position.null_count
            zeros += int(pc.sum(pc.equal(position, 0)).as_py() or 0)
    words = pd.Series([word for word in counts if word is not None], dtype="str")
    told = name_event_types(words, config.event_types)
    check_event_types(told.repeat([counts[word] for word in words]), "events")
    if zeros > 1 and zeros >= 0.01 * given:
        raise SchemaError(
            f"events: positions run from 0: got 0 in {zeros:,} of {given:,}; expected the top "
            "place to be 1: add 1 to the column 'position'"
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
