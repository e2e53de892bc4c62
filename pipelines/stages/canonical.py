"""A raw log brought to its canonical form, and all that it cost."""

from __future__ import annotations

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


@dataclass(frozen=True)
class CanonicalLog:
    """A clean log and what was set aside of the raw one.

    `events` in time order. `rejects` are the rows set aside, `value_rejects` the values set aside
    in rows that were kept. `impressions` are those of the raw log, apart from repeats, bots and
    what is after `as_of`, and `lost` those among them that were set aside.
    """

    events: pd.DataFrame
    rejects: pd.DataFrame
    value_rejects: pd.DataFrame
    impressions: int
    lost: pd.DataFrame

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


def as_of(config: LogConfig) -> pd.Timestamp | None:
    """What the settings take for now; None where they leave it to the log."""
    return None if config.now_utc is None else pd.Timestamp(config.now_utc).as_unit("us")


def canonical_log(
    events: pd.DataFrame,
    config: LogConfig,
    item_ids: IdMap | None = None,
    style_ids: IdMap | None = None,
    clock_utc: pd.Timestamp | None = None,
) -> CanonicalLog:
    """Validate a raw log, set wrong clocks, repeats and bots aside; events in time order.

    `clock_utc` is the time of the job (None: now). Raises SchemaError when the log cannot be used
    at all, or no outcome is left.
    """
    checked = check_events(
        events,
        item_ids,
        style_ids,
        columns=config.columns_of("events"),
        event_types=config.event_types,
        day_first=config.day_first,
    )
    clock = pd.Timestamp.now("UTC") if clock_utc is None else clock_utc
    sound, mistimed = split_wrong_clocks(checked.table, clock, as_of(config), checked.rows)
    kept, unclean = clean_events(
        checked.table[sound].reset_index(drop=True),
        config.cleaning,
        checked.rows[sound],
    )
    rejects = join_rejects([checked.rejects, mistimed, unclean])
    if kept.empty:
        raise SchemaError(
            f"events: none of {len(events)} rows can be used, the first because: "
            f"{rejects['reason'].iloc[0]}; compare the ids with those of the items and styles "
            "tables"
        )
    require_outcomes(kept, rejects)
    shown = _impressions(events, config)
    lost = join_rejects([checked.rejects, mistimed])
    asked = lost["reason"].str.startswith(LOSES_NOTHING)
    lost = lost[shown[lost["row"].to_numpy()] & ~asked.to_numpy()]
    return CanonicalLog(
        kept,
        rejects,
        checked.value_rejects,
        int((kept["event_type"] == "impression").sum()) + len(lost),
        lost,
    )


def _impressions(events: pd.DataFrame, config: LogConfig) -> NDArray[np.bool_]:
    """Which rows of a raw log say that they are impressions."""
    named = rename_columns(events, "events", ["event_type"], _of_type(config))
    types = named["event_type"].reset_index(drop=True).astype("str")
    return (name_event_types(types, config.event_types) == "impression").to_numpy(dtype=bool)


def _of_type(config: LogConfig) -> dict[str, str]:
    told = config.columns_of("events")
    return {name: theirs for name, theirs in told.items() if name == "event_type"}
