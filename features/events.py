"""Event logs: cleaning, weighting by type, dwell and age, and splitting by time."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.config import CleaningConfig, EventWeights
from features.order import grouped, order_of, sorted_by
from features.rejects import join_rejects, rejected
from features.schema import EVENT_TYPES, ContractError, InputError, SchemaError

EVENT_ORDER: Final = (
    *("timestamp", "user_id", "session_id", "position", "item_id", "event_type", "style_id"),
    *("dwell_s", "propensity", "channel"),
)
"""Total order of a log: two logs of the same rows are equal once sorted by it."""


LOSES_NOTHING: Final = (
    *("the same row occurs more than once", "the same event within"),
    *("event_type is to be ignored", "timestamp is after as_of"),
)
"""How the reasons begin of rows that tell nothing more, or are set aside as the settings ask."""


def clean_events(
    events: pd.DataFrame,
    config: CleaningConfig | None = None,
    rows: NDArray[np.int64] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Order a valid log by time, drop events logged twice and set the events of bots aside.

    Takes the table of `check_events`. An event is logged twice where a row is repeated, and where
    the same user, session, position, item, look and type come again within the window: a retried
    delivery. Rows of one time are ordered by `EVENT_ORDER`, so the input's row order does not
    matter. Returns the clean log and the rejects, whose `row` is that of `rows` (int64 (n,): where
    each row was in the input), else counts from 0 in the table given.
    """
    limits = config or CleaningConfig()
    where = np.arange(len(events)) if rows is None else rows
    twice = events.duplicated().to_numpy()
    again = _repeated(events, twice, limits.repeat_window_s)
    repeated = twice | again
    window = f"{limits.repeat_window_s:g} s"
    actions = (events["event_type"] != "impression").to_numpy()
    set_aside = [
        _reject(events, where, twice, "the same row occurs more than once: one was kept"),
        _reject(events, where, again, f"the same event within {window}: the first was kept"),
    ]
    bots = np.zeros(len(events), dtype=bool)
    for counted, most, hours, what in (
        (actions, limits.max_actions_per_hour, 1, "actions in an hour"),
        (np.ones_like(actions), limits.max_events_per_day, 24, "events in a day"),
    ):
        users = _busier_than(events[counted & ~repeated], most, pd.Timedelta(hours=hours))
        found = events["user_id"].isin(users).to_numpy() & ~repeated & ~bots
        reason = f"the user looks like a bot: more than {most} {what}"
        set_aside.append(_reject(events, where, found, reason))
        bots |= found
    return sorted_by(events[~repeated & ~bots], EVENT_ORDER), join_rejects(set_aside)


_SAME_EVENT: Final = ("user_id", "session_id", "position", "item_id", "style_id", "event_type")


def _repeated(events: pd.DataFrame, twice: NDArray[np.bool_], window_s: float) -> NDArray[np.bool_]:
    """Rows that say again, less than `window_s` seconds later, what an earlier row said."""
    repeated = np.zeros(len(events), dtype=bool)
    rows = np.flatnonzero(~twice)
    if window_s <= 0 or len(rows) < 2:
        return repeated
    group = grouped(events.iloc[rows], _SAME_EVENT)
    times = events["timestamp"].to_numpy(dtype="datetime64[us]").astype(np.int64)[rows]
    # Rows of one group and time differ in dwell, propensity or channel: their own order decides.
    ties = order_of(events.iloc[rows], EVENT_ORDER)
    order = ties[np.argsort(group[ties], kind="stable")]
    moments, window = times[order], window_s * 1e6
    close = (np.diff(moments) < window) & (np.diff(group[order]) == 0)
    kept, previous = 0, -1
    for at in (np.flatnonzero(close) + 1).tolist():
        if at - 1 != previous:
            kept = moments[at - 1]
        if moments[at] - kept < window:
            repeated[rows[order[at]]] = True
        else:
            kept = moments[at]
        previous = at
    return repeated


def _busier_than(events: pd.DataFrame, most: int, window: pd.Timedelta) -> list[str]:
    """Users with more than `most` events in some stretch of time no longer than `window`."""
    user, names = pd.factorize(events["user_id"])
    times = events["timestamp"].to_numpy(dtype="datetime64[us]")
    order = np.lexsort((times, user))
    user, times = user[order], times[order]
    same = user[most:] == user[:-most]
    close = times[most:] - times[:-most] <= window.to_timedelta64()
    return [str(name) for name in names[np.unique(user[most:][same & close])]]


def _reject(
    events: pd.DataFrame, where: NDArray[np.int64], mask: NDArray[np.bool_], reason: str
) -> pd.DataFrame:
    rows = np.flatnonzero(mask)
    keys, types = events["user_id"].iloc[rows], events["event_type"].iloc[rows]
    return rejected("events", where[rows], keys, reason, types)


def require_outcomes(events: pd.DataFrame, rejects: pd.DataFrame) -> None:
    """Raise SchemaError where a clean log has no outcome: nothing can be learned from it.

    `rejects`: the rows set aside before, which may be where the outcomes went.
    """
    if (events["event_type"] != "impression").any():
        return
    reasons = rejects["reason"].value_counts()
    lost = "; ".join(f"{reason}: {count:,}" for reason, count in reasons.head(3).items())
    raise SchemaError(
        f"events: no outcome is left: all {len(events):,} rows kept are impressions, "
        f"{len(rejects):,} rows were set aside{f' ({lost})' if lost else ''}; expected some of "
        f"{', '.join(EVENT_TYPES[1:])}: name the log's event types with --event-types theirs=ours"
    )


def event_weights(
    events: pd.DataFrame, config: EventWeights, now_utc: pd.Timestamp
) -> NDArray[np.float32]:
    """Weight of each event as seen at `now_utc`, float32, shape (n,), at least 0.

    type weight * clip(log2(1 + dwell_s / dwell_reference_s), 1/2, 2) * 2^(-age / half_life_days);
    a dwell not logged counts as the reference. Raises ContractError for events after `now_utc`:
    what is not known yet has no weight.
    """
    require_zone(now_utc, "now_utc")
    age_days = (now_utc - events["timestamp"]).to_numpy() / np.timedelta64(1, "D")
    if len(age_days) and age_days.min() < 0:
        raise ContractError(
            f"events: the last one is at {events['timestamp'].max()}, after now_utc {now_utc}: "
            "expected none of the future: take the first part of split_at(events, now_utc)"
        )
    by_type = {kind: getattr(config, kind, 0.0) for kind in EVENT_TYPES}
    weight = events["event_type"].map(by_type).to_numpy(dtype=np.float64, copy=True)
    dwell_s = events["dwell_s"].fillna(config.dwell_reference_s).to_numpy(dtype=np.float64)
    weight *= np.clip(np.log2(1.0 + dwell_s / config.dwell_reference_s), 0.5, 2.0)
    weight *= np.exp2(-age_days / config.half_life_days)
    return weight.astype(np.float32)


def interactions(events: pd.DataFrame, weights: NDArray[np.float32]) -> pd.DataFrame:
    """Sum the weights of each user and item, for the events that weigh anything.

    `weights`, shape (n,), one per event, at least 0. Returns user_id, item_id, weight float32
    (above 0) and last_timestamp, sorted by user_id and item_id.
    """
    if weights.shape != (len(events),):
        raise ContractError(
            f"interactions: got weights of shape {weights.shape} for {len(events)} events: "
            "expected one weight per event, as event_weights returns them"
        )
    kept = pd.DataFrame(
        {
            "user_id": events["user_id"].to_numpy(),
            "item_id": events["item_id"].to_numpy(),
            "weight": weights.astype(np.float64),
            "last_timestamp": events["timestamp"].array,
        }
    )
    # Sorted by weight as well, so that rounding in the sums does not depend on the rows' order.
    kept = sorted_by(kept[weights > 0], ("user_id", "item_id", "weight"))
    summed = kept.groupby(["user_id", "item_id"], as_index=False).agg(
        weight=("weight", "sum"), last_timestamp=("last_timestamp", "max")
    )
    return summed.astype({"weight": np.float32})


def time_split(events: pd.DataFrame, fraction: float = 0.8) -> pd.Timestamp:
    """The time that has the first `fraction` of the events before it, as nearly as ties allow.

    `fraction` in (0, 1). Neither side of the cut is empty; raises InputError when every event has
    the same time.
    """
    if not 0.0 < fraction < 1.0:
        raise ContractError(f"fraction is {fraction}: expected above 0 and below 1")
    times = np.sort(events["timestamp"].to_numpy(dtype="datetime64[us]"))
    if not len(times) or times[0] == times[-1]:
        raise InputError(
            f"events: cannot be split by time: all {len(times)} have the same time; "
            "expected at least two times: give a longer log"
        )
    cut = times[int(fraction * len(times))]
    if cut == times[0]:
        cut = times[np.searchsorted(times, cut, side="right")]
    return pd.Timestamp(cut, tz="UTC")


def split_at(events: pd.DataFrame, cut: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Events strictly before `cut` (a time with a zone), and those at or after it."""
    require_zone(cut, "cut")
    before = events["timestamp"] < cut
    return events[before].reset_index(drop=True), events[~before].reset_index(drop=True)


def require_zone(time: pd.Timestamp, name: str) -> None:
    """Raise ContractError, naming the argument, for a time without a zone."""
    if time.tzinfo is None:
        raise ContractError(
            f"{name} is {time} without a time zone: expected UTC: use tz_localize('UTC')"
        )
