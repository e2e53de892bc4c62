"""A raw log brought to its canonical form, and all that it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.clocks import ClockLimits, microseconds_of, split_wrong_clocks
from features.config import LogConfig
from features.contracts.names import name_event_types, rename_columns
from features.events import LOSES_NOTHING, clean_events, require_outcomes
from features.ids import IdMap
from features.rejects import join_rejects
from features.schema import SchemaError
from features.tables import check_events
from pipelines.stages.withhold import (
    NOTHING,
    PAST_RETENTION,
    Withholding,
    admit,
    past_retention,
    withheld_words,
)


@dataclass(frozen=True)
class CanonicalLog:
    """A clean log and what was set aside of the raw one.

    `events` in time order. `rejects` are the rows set aside, `value_rejects` the values set aside
    in rows that were kept. `impressions` are those of the raw log, apart from repeats, bots and
    what is after `as_of`, and `lost` those among them that were set aside. `opted_out` are the
    shoppers whose last event says so, `withheld` how many events were not to be used, by why.
    """

    events: pd.DataFrame
    rejects: pd.DataFrame
    value_rejects: pd.DataFrame
    impressions: int
    lost: pd.DataFrame
    opted_out: list[str]
    withheld: dict[str, int]

    @property
    def lost_share(self) -> float:
        """Share of the impressions that were set aside, 0 where there are none."""
        return len(self.lost) / self.impressions if self.impressions else 0.0

    def lost_words(self) -> str:
        """How many impressions were set aside, and the most frequent reasons, in words."""
        reasons = self.lost["reason"].value_counts().head(3)
        return (
            f"{len(self.lost):,} of {self.impressions:,} impressions ({self.lost_share:.1%}) are "
            "set aside: " + "; ".join(f"{reason}: {count:,}" for reason, count in reasons.items())
        )


@dataclass(frozen=True)
class CheckedLog:
    """A raw log, or the part of it of some shoppers, by its contract, its times not judged yet.

    `table` as `check_events` gives it, without what is withheld; `rows` int64 (n,): where each of
    its rows was in the file. `rejects`, `value_rejects`, `lost`, `opted_out` and `withheld` as in
    `CanonicalLog`.
    """

    table: pd.DataFrame
    rows: NDArray[np.int64]
    rejects: pd.DataFrame
    value_rejects: pd.DataFrame
    lost: pd.DataFrame
    opted_out: list[str]
    withheld: dict[str, int]


def as_of(config: LogConfig) -> pd.Timestamp | None:
    """What the settings take for now; None where they leave it to the log."""
    return None if config.now_utc is None else pd.Timestamp(config.now_utc).as_unit("us")


def canonical_log(
    events: pd.DataFrame,
    config: LogConfig,
    item_ids: IdMap | None = None,
    style_ids: IdMap | None = None,
    clock_utc: pd.Timestamp | None = None,
    rule: Withholding = NOTHING,
) -> CanonicalLog:
    """Validate a raw log, set wrong clocks, repeats and bots aside; events in time order.

    `clock_utc` is the time of the job (None: now). `rule` says which shoppers are withheld, and the
    names of the others. Raises SchemaError when the log cannot be used at all, or no outcome is
    left.
    """
    checked = check_log(events, config, item_ids, style_ids, rule)
    if checked.table.empty:
        raise nothing_left(len(events), checked.rejects, checked.withheld)
    clock = pd.Timestamp.now("UTC") if clock_utc is None else clock_utc
    times = microseconds_of(checked.table["timestamp"])
    log = clean_log(checked, config, ClockLimits.of(times, clock, as_of(config)))
    if log.events.empty:
        raise nothing_left(len(events), log.rejects, log.withheld)
    require_outcomes(log.events, log.rejects)
    return log


def check_log(
    events: pd.DataFrame,
    config: LogConfig,
    item_ids: IdMap | None = None,
    style_ids: IdMap | None = None,
    rule: Withholding = NOTHING,
    rows: NDArray[np.int64] | None = None,
) -> CheckedLog:
    """Validate a raw log and take out what `rule` withholds.

    `rows` int64 (n,), ascending: where the rows are in the file, where `events` are all events of
    some of its shoppers; then rows alone are judged, and whoever joins the parts judges the log.
    Raises SchemaError as `check_events`.
    """
    admitted = admit(
        check_events(
            events,
            item_ids,
            style_ids,
            columns=config.columns_of("events"),
            event_types=config.event_types,
            day_first=config.day_first,
            part=rows is not None,
        ),
        rule,
    )
    checked = admitted.log
    asked = checked.rejects["reason"].str.startswith(LOSES_NOTHING).to_numpy(dtype=bool)
    at = checked.rejects["row"].to_numpy(dtype=np.int64)
    lost = _impressions(events, config)[at] & ~asked
    places = checked.rows
    if rows is not None:
        places = rows[checked.rows]
        for table in (checked.rejects, checked.value_rejects):
            table["row"] = rows[table["row"].to_numpy(dtype=np.int64)]
    return CheckedLog(
        checked.table,
        places,
        checked.rejects,
        checked.value_rejects,
        checked.rejects[lost],
        admitted.opted_out,
        dict(admitted.counts),
    )


def clean_log(log: CheckedLog, config: LogConfig, limits: ClockLimits) -> CanonicalLog:
    """Set wrong clocks, what is past retention, repeats and bots aside; events in time order.

    `limits`: those of the whole log, where `log` is a part of it.
    """
    table = log.table
    sound, mistimed = split_wrong_clocks(table, limits, log.rows)
    old = sound & past_retention(table["timestamp"], config.retention_days, limits.now)
    sound &= ~old
    kept, unclean = clean_events(
        table[sound].reset_index(drop=True), config.cleaning, log.rows[sound]
    )
    at = np.searchsorted(log.rows, mistimed["row"].to_numpy(dtype=np.int64))
    shown = (table["event_type"] == "impression").to_numpy(dtype=bool)[at]
    asked = mistimed["reason"].str.startswith(LOSES_NOTHING).to_numpy(dtype=bool)
    lost = join_rejects([log.lost, mistimed[shown & ~asked]])
    return CanonicalLog(
        kept,
        join_rejects([log.rejects, mistimed, unclean]),
        log.value_rejects,
        int((kept["event_type"] == "impression").sum()) + len(lost),
        lost,
        log.opted_out,
        {**log.withheld, PAST_RETENTION: int(old.sum())},
    )


def nothing_left(rows: int, rejects: pd.DataFrame, withheld: Mapping[str, int]) -> SchemaError:
    """The one line for a log of `rows` rows none of which is kept."""
    if rejects.empty:
        return SchemaError(
            f"events: none of {rows} rows may be used ({withheld_words(withheld)}): expected "
            "events of other shoppers or times too: give a longer log"
        )
    return SchemaError(
        f"events: none of {rows} rows can be used, the first because: "
        f"{rejects['reason'].iloc[0]}; compare the ids with those of the items and styles tables"
    )


def _impressions(events: pd.DataFrame, config: LogConfig) -> NDArray[np.bool_]:
    """Which rows of a raw log say that they are impressions."""
    named = rename_columns(events, "events", ["event_type"], _of_type(config))
    types = named["event_type"].reset_index(drop=True).astype("str")
    return (name_event_types(types, config.event_types) == "impression").to_numpy(dtype=bool)


def _of_type(config: LogConfig) -> dict[str, str]:
    told = config.columns_of("events")
    return {name: theirs for name, theirs in told.items() if name == "event_type"}
