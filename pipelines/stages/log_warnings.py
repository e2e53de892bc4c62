"""What a job should say of its log before anybody reads the feed: one line each."""

from __future__ import annotations

from typing import Final

import pandas as pd

from features.config import LogConfig
from features.contracts.layout import EVENT_COLUMNS
from features.contracts.names import rename_columns, unused_columns
from features.exposures import Matches

UNMATCHED_SHARE: Final = 0.2
"""Share of outcomes without an impression, in a log of impressions, from which a job warns."""


def log_warnings(
    events: pd.DataFrame,
    rejects: pd.DataFrame,
    values: pd.DataFrame,
    matches: Matches,
    impressions: int,
    config: LogConfig,
) -> list[str]:
    """Warnings about a raw log, `events`, what of it was set aside, and how outcomes matched.

    Lines about wrong clocks, values set aside (by reason, with the first row), columns that are
    probably those of the contract under another name, and outcomes without an impression.
    """
    lines = []
    mistimed = rejects["reason"].str.match(r"timestamp is (?:after|before|far)")
    for what, table in (("rows were set aside", rejects[mistimed]), ("values", values)):
        for reason, group in table.groupby("reason", sort=False):
            first = group.iloc[0]
            lines.append(
                f"{first['table']}: {len(group):,} {what}: {reason} "
                f"(first row {first['row']}, got {first['got']})"
            )
    known = [column.name for column in EVENT_COLUMNS]
    renamed = rename_columns(events, "events", known, config.columns_of("events"))
    found = [str(column) for column in renamed.columns]
    for theirs, ours in unused_columns(found, known).items():
        lines.append(
            f"events: column {theirs!r} is not used: did you mean {ours}? "
            f"Give --columns {ours}={theirs}"
        )
    if impressions and matches.unmatched_share >= UNMATCHED_SHARE:
        lines.append(unmatched_words(matches, config))
    return lines


def unmatched_words(matches: Matches, config: LogConfig) -> str:
    """How many outcomes have no impression, and what may be done about it."""
    return (
        f"events: {matches.unmatched:,} of {matches.outcomes:,} outcomes "
        f"({matches.unmatched_share:.0%}) have no impression that they could follow, so they "
        "count for no look: log the session and position of each outcome, or raise "
        f"log.clock_tolerance_s ({config.clock_tolerance_s:g} s) if clocks differ"
    )
