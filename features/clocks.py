"""Wrong clocks: rows whose time cannot be that of the rest, set aside so that none bends `now`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.rejects import join_rejects, rejected
from features.schema import SchemaError

_US: Final = 10**6
_DAY: Final = 86_400 * _US
_FEWEST_DAYS: Final = 30
_MEAN_GAPS: Final = 100
_FEW_ROWS, _FEW_SHARE, _MOST_SHARE = 10, 0.01, 0.2
_ZONES: Final = pd.Timedelta(days=1)
"""Local times taken as UTC are up to 14 hours ahead of it."""
_NEVER_SET: Final = pd.Timestamp("1990-01-01", tz="UTC")


@dataclass(frozen=True)
class ClockLimits:
    """Between which times the rows of one log are believed, microseconds since 1970, learned once.

    `low` and `high`: before and after which a clock is wrong by itself; `first` and `last`: the
    times that no long pause parts from nearly all the others. `clock_utc`: when the job runs;
    `as_of`: what the settings take for now, or None.
    """

    low: int
    high: int
    first: int
    last: int
    clock_utc: pd.Timestamp
    as_of: pd.Timestamp | None

    @classmethod
    def of(
        cls,
        every_time: NDArray[np.int64],
        clock_utc: pd.Timestamp,
        as_of: pd.Timestamp | None = None,
    ) -> Self:
        """The limits of a log by the times of its valid rows, `every_time` int64 (n,), n >= 1.

        Raises SchemaError when `as_of` is before every row.
        """
        low, high = _limits(every_time, clock_utc, as_of)
        if as_of is not None and not (every_time <= high).any():
            raise SchemaError(
                f"events: every row is after as_of, {as_of.isoformat()}: the first is of "
                f"{pd.Timestamp(every_time.min(), unit='us', tz='UTC').isoformat()}: expected a "
                "log of before: correct as_of"
            )
        first, last = _bounds(every_time[(every_time >= low) & (every_time <= high)])
        return cls(low, high, first, last, clock_utc, as_of)

    @property
    def now(self) -> pd.Timestamp:
        """`as_of`, or else the last time that is believed."""
        return pd.Timestamp(self.last, unit="us", tz="UTC") if self.as_of is None else self.as_of


def split_wrong_clocks(
    events: pd.DataFrame, limits: ClockLimits, rows: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.bool_], pd.DataFrame]:
    """Which rows of a valid log, or of a part of it, may be believed, bool (n,), and the rejects.

    Not believed are rows after `as_of`; without it, rows after the time at which the job runs, and
    a few rows far after all others. Nor are a few rows far before all others, and times before
    1990 in a log that is later. Far is a pause of 30 days or more, in which 100 rows were due; few
    are at most 10 rows or one in a hundred, and never one in five. `rows`: where each row was in
    the input.
    """
    times = microseconds_of(events["timestamp"])
    wrong = np.zeros(len(times), dtype=bool)
    faults = []

    def set_aside(found: NDArray[np.bool_], reason: str) -> None:
        new = found & ~wrong
        if new.any():
            at = np.flatnonzero(new)
            numbers = at if rows is None else rows[at]
            keys, got = events["user_id"].iloc[at], events["timestamp"].iloc[at].astype("str")
            faults.append(rejected("events", numbers, keys, reason, got))
            wrong[at] = True

    as_of = limits.as_of
    late = (
        f"timestamp is after the day of the job, {limits.clock_utc:%Y-%m-%d}"
        if as_of is None
        else f"timestamp is after as_of, {as_of.isoformat()}"
    )
    set_aside(times > limits.high, late)
    set_aside(times < limits.low, "timestamp is before 1990: a clock that was not set")
    day = f"{pd.Timestamp(limits.last, unit='us'):%Y-%m-%d}"
    if as_of is None:
        set_aside(
            times > limits.last,
            f"timestamp is far after the rest, which ends on {day}: if it is right, set as_of",
        )
    day = f"{pd.Timestamp(limits.first, unit='us'):%Y-%m-%d}"
    set_aside(times < limits.first, f"timestamp is far before the rest, which begins on {day}")
    return ~wrong, join_rejects(faults)


def microseconds_of(times: pd.Series) -> NDArray[np.int64]:
    """Times of a log as microseconds since 1970, int64 (n,)."""
    return times.to_numpy(dtype="datetime64[us]").astype(np.int64)


def _limits(
    every: NDArray[np.int64], clock_utc: pd.Timestamp, as_of: pd.Timestamp | None
) -> tuple[int, int]:
    """The times, microseconds since 1970, before and after which a clock is wrong by itself."""
    ends = np.iinfo(np.int64)
    never = _microseconds(_NEVER_SET)
    low = never if (every < never).mean() < 0.5 else int(ends.min)
    if as_of is not None:
        return low, _microseconds(as_of)
    limit = _microseconds(clock_utc + _ZONES)
    # Where most of a log is of the future it is this machine's clock that is behind.
    return low, limit if (every > limit).mean() < 0.5 else int(ends.max)


def _microseconds(time: pd.Timestamp) -> int:
    return int(np.datetime64(time.tz_convert("UTC").tz_localize(None), "us").astype(np.int64))


def _bounds(times: NDArray[np.int64]) -> tuple[int, int]:
    """The first and the last time that no long pause parts from nearly all the others."""
    ordered = np.sort(times)
    n = len(ordered)
    most = int(min(max(_FEW_ROWS, n * _FEW_SHARE), n * _MOST_SHARE))
    if most < 1:
        return int(ordered[0]), int(ordered[-1])
    low, high = np.quantile(ordered, [0.1, 0.9], method="nearest")
    due = (high - low) / max(0.8 * n, 1.0)
    far = max(_FEWEST_DAYS * _DAY, _MEAN_GAPS * due)
    pauses = np.diff(ordered)
    late = np.flatnonzero(pauses[n - 1 - most :] >= far)
    early = np.flatnonzero(pauses[:most] >= far)
    last = ordered[n - 1 - most + late[0]] if len(late) else ordered[-1]
    first = ordered[early[-1] + 1] if len(early) else ordered[0]
    return int(first), int(last)
