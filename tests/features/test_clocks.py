"""Wrong clocks: set aside at both ends, and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.clocks import ClockLimits, microseconds_of, split_wrong_clocks
from features.schema import SchemaError
from features.tables import validate_events

START = pd.Timestamp("2026-01-01", tz="UTC")
TODAY = pd.Timestamp("2026-11-27 06:00", tz="UTC")


def log(*odd: str, n: int = 500, days: float = 60) -> pd.DataFrame:
    times = START + pd.to_timedelta(np.linspace(0, days * 86_400, n).round(), unit="s")
    table = pd.DataFrame({"timestamp": [*times, *(pd.Timestamp(t, tz="UTC") for t in odd)]})
    table["user_id"] = [f"u{i % 9}" for i in range(len(table))]
    return validate_events(table.assign(item_id="a", event_type="view"))[0]


def split(
    table: pd.DataFrame,
    clock: pd.Timestamp,
    as_of: pd.Timestamp | None = None,
    rows: np.ndarray | None = None,
) -> tuple[np.ndarray, pd.DataFrame]:
    limits = ClockLimits.of(microseconds_of(table["timestamp"]), clock, as_of)
    return split_wrong_clocks(table, limits, rows)


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (["2106-02-07 06:28:15"], "after the day of the job, 2026-11-27"),
        (["2038-01-19 03:14:07"] * 10, "after the day of the job"),
        (["2106-02-07", "2038-01-19", "2027-03-01"], "after the day of the job"),
        (["2026-11-29"] * 60, "after the day of the job"),
        (["2026-09-01"], "far after the rest, which ends on 2026-03-02"),
        (["2026-06-01", "2026-09-01"], "far after the rest, which ends on 2026-03-02"),
        (["1970-01-01"], "before 1990"),
        (["1970-01-01"] * 100, "before 1990"),
        (["1601-01-01", "1900-01-01"], "before 1990"),
        (["2001-01-01"], "far before the rest, which begins on 2026-01-01"),
    ],
)
def test_rows_of_a_wrong_clock_are_set_aside_with_their_reason(odd: list[str], reason: str) -> None:
    sound, rejects = split(log(*odd), TODAY)
    assert sound.tolist() == [True] * 500 + [False] * len(odd)
    assert rejects["row"].tolist() == list(range(500, 500 + len(odd)))
    assert rejects["reason"].str.contains(reason).all()
    assert (rejects["got"].str.len() > 10).all()


@pytest.mark.parametrize(
    "table",
    [
        log(),
        log("2026-03-03"),  # a day later
        log("2026-03-20"),  # a quiet fortnight
        log(*["2026-06-01"] * 30),  # back after the season, no few rows
        log("2026-06-01", n=20),  # a log this sparse has such pauses
        log(n=3),
        log(n=1),
        log("2026-06-01", "2026-09-01", n=3),  # too few to say which are wrong
        log(n=50, days=0),
        log("2026-11-28 05:00", n=500, days=330),  # a zone ahead of UTC
    ],
)
def test_a_sound_log_is_kept_whole(table: pd.DataFrame) -> None:
    sound, rejects = split(table, TODAY)
    assert sound.all()
    assert rejects.empty


def test_a_log_that_is_all_of_the_future_shows_a_machine_that_is_behind() -> None:
    sound, _ = split(log("2026-01-02"), pd.Timestamp("2020-01-01", tz="UTC"))
    assert sound.all()


def test_as_of_sets_aside_what_comes_after_it_and_believes_what_does_not() -> None:
    now = pd.Timestamp("2026-10-01", tz="UTC")
    sound, rejects = split(log("2026-09-01", "2026-10-02"), TODAY, now)
    assert sound.tolist() == [True] * 501 + [False]
    assert rejects["reason"].tolist() == ["timestamp is after as_of, 2026-10-01T00:00:00+00:00"]
    with pytest.raises(SchemaError, match=r"every row is after as_of, 1999.*correct as_of"):
        split(log(), TODAY, pd.Timestamp("1999-01-01", tz="UTC"))


def test_rejects_name_the_rows_of_the_file() -> None:
    rows = np.arange(501) * 2
    _, rejects = split(log("2106-01-01"), TODAY, rows=rows)
    assert rejects["row"].tolist() == [1000]


def test_parts_are_judged_by_the_limits_of_the_whole() -> None:
    table = log("2106-01-01", "2026-09-01", "2001-01-01")
    limits = ClockLimits.of(microseconds_of(table["timestamp"]), TODAY)
    whole, _ = split_wrong_clocks(table, limits)
    parts = [split_wrong_clocks(table.iloc[n : n + 7], limits)[0] for n in range(0, 503, 7)]
    assert np.concatenate(parts).tolist() == whole.tolist() == [True] * 500 + [False] * 3
    assert limits.now == table["timestamp"][499]
