"""Parts of a test by who is asked for and what is known of it, over rolling windows of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.ids import check_id_columns
from features.schema import ContractError, InputError, SchemaError

SLICES: Final = ("warm", "cold_user", "cold_item")


def label_slices(truth: pd.DataFrame, past: pd.DataFrame) -> NDArray[np.object_]:
    """Which slice each row of `truth` belongs to, as known from `past`.

    `truth`: user_id, item_id; `past`: the events before the cut, user_id, item_id, event_type. An
    impression is no touch. Returns one of SLICES per row, shape (n,): cold_item if nobody touched
    the item before, whoever asks for it; else cold_user if the user touched nothing before; else
    warm. Raises SchemaError on a missing column.
    """
    _require(truth, ("user_id", "item_id"), "truth")
    _require(past, ("user_id", "item_id", "event_type"), "past")
    for name, table in (("truth", truth), ("past", past)):
        check_id_columns(table, ["user_id", "item_id"], name)
    touches = past[past["event_type"] != "impression"]
    known_user = truth["user_id"].isin(touches["user_id"]).to_numpy()
    known_item = truth["item_id"].isin(touches["item_id"]).to_numpy()
    labels = np.where(known_user, "warm", "cold_user")
    return np.where(known_item, labels, "cold_item").astype(object)


def rolling_cuts(events: pd.DataFrame, horizon: pd.Timedelta, windows: int) -> list[pd.Timestamp]:
    """Starts of the last `windows` windows of length `horizon`, ascending, one after the other.

    The last window ends at the midnight (UTC) after the last of `events`. Raises ContractError on
    windows < 1 or a horizon of 0 or less, InputError on no events, or none before the first cut.
    """
    if windows < 1 or not horizon > pd.Timedelta(0):
        raise ContractError(f"got {windows} windows of {horizon}: expected 1 or more, of a length")
    if events.empty:
        raise InputError("events has no rows: expected a log to cut into windows")
    end = events["timestamp"].max().normalize() + pd.Timedelta(days=1)
    cuts = [end - horizon * left for left in range(windows, 0, -1)]
    if not events["timestamp"].min() < cuts[0]:
        raise InputError(
            f"{windows} windows of {horizon} begin at {cuts[0]}, no event is before: the log "
            f"starts at {events['timestamp'].min()}: ask for fewer or shorter windows"
        )
    return cuts


def pool_windows(scores: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Scores of several windows as one row per user: the mean over the windows with the user.

    `scores`: one table per window, users in the index, one float column per model, the same in all.
    Users stay the unit of a bootstrap: rows of one user in two windows are not independent.
    Returns users ascending. Raises ContractError on no table, SchemaError on other columns.
    """
    if not scores:
        raise ContractError("no windows to pool: expected one table of scores or more")
    columns = list(scores[0].columns)
    for table in scores:
        if list(table.columns) != columns:
            raise SchemaError(
                f"a window has the models {list(table.columns)}, the first one {columns}: expected "
                "the same in all"
            )
    together = pd.concat(scores)
    return together.groupby(level=0, sort=True).mean()


def _require(table: pd.DataFrame, columns: tuple[str, ...], name: str) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise SchemaError(
            f"{name} has no column {missing[0]!r}: got {list(table.columns)}, expected {columns}"
        )
