"""Event logs: cleaning, weighting by type, dwell and age, and splitting by time."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.config import CleaningConfig, EventWeights
from features.order import sorted_by
from features.rejects import join_rejects, rejected
from features.schema import EVENT_TYPES, ContractError, InputError

EVENT_ORDER: Final = (
    *("timestamp", "user_id", "session_id", "position", "item_id", "event_type", "style_id"),
    *("dwell_s", "propensity", "channel"),
)
"""Total order of a log: two logs of the same rows are equal once sorted by it."""


def clean_events(
    events: pd.DataFrame, config: CleaningConfig | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Order a valid log by time, drop rows logged twice and set the events of bots aside.

    Takes the table of `validate_events`. Rows of one time are ordered by `EVENT_ORDER`, so the
    input's row order does not matter. Returns the clean log and the rejects, whose `row` counts
    from 0 in the table given.
    """
    limits = config or CleaningConfig()
    repeated = events.duplicated().to_numpy()
    actions = (events["event_type"] != "impression").to_numpy()
    set_aside = [_reject(events, repeated, "the same row occurs more than once: one was kept")]
    bots = np.zeros(len(events), dtype=bool)
    for counted, most, hours, what in (
        (actions, limits.max_actions_per_hour, 1, "actions in an hour"),
        (np.ones_like(actions), limits.max_events_per_day, 24, "events in a day"),
    ):
        users = _busier_than(events[counted & ~repeated], most, pd.Timedelta(hours=hours))
        found = events["user_id"].isin(users).to_numpy() & ~repeated & ~bots
        reason = f"the user looks like a bot: more than {most} {what}"
        set_aside.append(_reject(events, found, reason))
        bots |= found
    return sorted_by(events[~repeated & ~bots], EVENT_ORDER), join_rejects(set_aside)


def _busier_than(events: pd.DataFrame, most: int, window: pd.Timedelta) -> list[str]:
    """Users with more than `most` events in some stretch of time no longer than `window`."""
    user, names = pd.factorize(events["user_id"])
    times = events["timestamp"].to_numpy(dtype="datetime64[us]")
    order = np.lexsort((times, user))
    user, times = user[order], times[order]
    same = user[most:] == user[:-most]
    close = times[most:] - times[:-most] <= window.to_timedelta64()
    return [str(name) for name in names[np.unique(user[most:][same & close])]]


def _reject(events: pd.DataFrame, mask: NDArray[np.bool_], reason: str) -> pd.DataFrame:
    rows = np.flatnonzero(mask)
    keys, types = events["user_id"].iloc[rows], events["event_type"].iloc[rows]
    return rejected("events", rows, keys, reason, types)


def event_weights(
    events: pd.DataFrame, config: EventWeights, now_utc: pd.Timestamp
) -> NDArray[np.float32]:
    """Weight of each event as seen at `now_utc`, float32, shape (n,), at least 0.

    type weight * clip(log2(1 + dwell_s / dwell_reference_s), 1/2, 2) * 2^(-age / half_life_days);
    a dwell not logged counts as the reference. Raises ContractError for events after `now_utc`:
    what is not known yet has no weight.
    """
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
    if cut.tzinfo is None:
        raise ContractError(
            f"cut is {cut} without a time zone: expected UTC: use tz_localize('UTC')"
        )
    before = events["timestamp"] < cut
    return events[before].reset_index(drop=True), events[~before].reset_index(drop=True)
