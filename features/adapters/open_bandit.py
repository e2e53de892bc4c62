"""Open Bandit Data: impressions and clicks of a fashion shop, with true propensities.

Saito et al., "Open Bandit Dataset and Pipeline", 2020, https://arxiv.org/abs/2008.07146.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from features.adapters.source import Tables, find, finish, read_columns
from features.contracts.flags import read_permissions
from features.contracts.numbers import read_numbers
from features.schema import SchemaError

USER_FEATURES: Final = ("user_feature_0", "user_feature_1", "user_feature_2", "user_feature_3")
LOG_COLUMNS: Final = {
    "timestamp": "timestamp",
    "item_id": "item_id",
    "position": "position",
    "click": "click",
    "propensity_score": "propensity",
} | {name: name for name in USER_FEATURES}


_PLACES: Final = 3


def load_open_bandit(path: Path) -> Tables:
    """Read one log of Open Bandit Data: `<campaign>.csv` (or .csv.gz), or the folder that holds it.

    The data name no user: `user_id` joins the four hashed user features, so it stands for a group
    of shoppers. Each logged row is an impression in a session of its own, and a click besides where
    `click` is 1 (or `1.0`, or `True`); positions are from 1, also where a copy counts them from 0,
    as `obp` gives them; `propensity` is that of the item at its position. Items come from
    `item_context` beside the log if it is there, and have neither titles nor pictures.
    Raises InputError or SchemaError for a missing file or column.
    """
    log_path = find(path, "all.csv", "men.csv", "women.csv")
    log = read_columns(log_path, LOG_COLUMNS)
    log["user_id"] = log[USER_FEATURES[0]].fillna("")
    for name in USER_FEATURES[1:]:
        log["user_id"] += "-" + log[name].fillna("")
    log["session_id"] = (log_path.name.split(".")[0] + "-") + pd.Series(log.index.astype("str"))
    shown = log.assign(event_type="impression")
    clicks, unreadable = read_permissions(log["click"])
    if unreadable.any():
        row = int(unreadable.argmax())
        raise SchemaError(
            f"{log_path.name}: click is {log['click'].iloc[row]!r} in {int(unreadable.sum()):,} "
            f"rows, first in row {row}: expected 0 or 1"
        )
    log["position"] = _from_one(log["position"])
    shown["position"] = log["position"]
    clicked = log[clicks.to_numpy()].assign(event_type="click")

    ids = log["item_id"]
    campaign = log_path.name.split(".")[0].split("_")[-1]
    for name in ("item_context.csv", f"item_context_{campaign}.csv"):
        if (log_path.parent / name).is_file():
            listed = read_columns(log_path.parent / name, {"item_id": "item_id"})["item_id"]
            ids = pd.concat([ids, listed])
    items = pd.DataFrame({"item_id": ids.dropna().unique()})
    return finish(pd.concat([shown, clicked]), items, {})


def _from_one(position: pd.Series) -> pd.Series:
    """Positions of the three places of a slate from 1: where some are 0 and none is 3, plus 1."""
    numbers = read_numbers(position)[0]
    from_zero = bool((numbers == 0).any()) and numbers.max() <= _PLACES - 1
    return numbers + 1 if from_zero else numbers
