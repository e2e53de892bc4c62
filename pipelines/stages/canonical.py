"""A raw log brought to its canonical form, and all that it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.clocks import split_wrong_clocks
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
class LogPart:
    """Where the events of some shoppers are in their log: `rows` int64 (n,), ascending, of the
    file, and the times of the whole log, `every_time`, microseconds since 1970."""

    rows: NDArray[np.int64]
    every_time: NDArray[np.int64]


def as_of(config: LogConfig) -> pd.Timestamp | None:
    """What the settings take for now; None where they leave it to the log."""
    return None if config.now_utc is None else pd.Timestamp(config.now_utc).as_unit("us")


def canonical_log(
    events: pd.DataFrame,
    config: LogConfig,
    item_ids: IdMap | None = None,
    style_ids: IdMap | None = None,
    clock_utc: pd.Timestamp | None = None,
    part: LogPart | None = None,
    rule: Withholding = NOTHING,
) -> CanonicalLog:
    """Validate a raw log, set wrong clocks, repeats and bots aside; events in time order.

    `clock_utc` is the time of the job (None: now). `part`: where `events` are all events of some of
    a log's shoppers; then rows alone are judged, and whoever joins the parts judges the log.
    `rule` says which shoppers are withheld, and the names of the others.
    Raises SchemaError when the log cannot be used at all, or no outcome is left.
    """
    admitted = admit(
        check_events(
            events,
            item_ids,
            style_ids,
            columns=config.columns_of("events"),
            event_types=config.event_types,
            day_first=config.day_first,
            part=part is not None,
        ),
        rule,
    )
    checked = admitted.log
    if checked.table.empty and part is None:
        raise nothing_left(len(events), checked.rejects, admitted.counts)
    places = checked.rows if part is None else part.rows[checked.rows]
    clock = pd.Timestamp.now("UTC") if clock_utc is None else clock_utc
    every_time = None if part is None else part.every_time
    sound, mistimed = split_wrong_clocks(checked.table, clock, as_of(config), places, every_time)
    old = sound & past_retention(
        checked.table["timestamp"], config.retention_days, clock, as_of(config), every_time
    )
    sound &= ~old
    withheld = {**admitted.counts, PAST_RETENTION: int(old.sum())}
    kept, unclean = clean_events(
        checked.table[sound].reset_index(drop=True),
        config.cleaning,
        places[sound],
    )
    if part is not None:
        for table in (checked.rejects, checked.value_rejects):
            table["row"] = part.rows[table["row"].to_numpy()]
    rejects = join_rejects([checked.rejects, mistimed, unclean])
    if kept.empty and part is None:
        raise nothing_left(len(events), rejects, withheld)
    if part is None:
        require_outcomes(kept, rejects)
    shown = _impressions(events, config)
    lost = join_rejects([checked.rejects, mistimed])
    asked = lost["reason"].str.startswith(LOSES_NOTHING)
    at = lost["row"].to_numpy()
    if part is not None:
        at = np.searchsorted(part.rows, at)
    lost = lost[shown[at] & ~asked.to_numpy()]
    return CanonicalLog(
        kept,
        rejects,
        checked.value_rejects,
        int((kept["event_type"] == "impression").sum()) + len(lost),
        lost,
        admitted.opted_out,
        withheld,
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
