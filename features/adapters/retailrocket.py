"""RetailRocket: views, carts and transactions of an online shop.

https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from features.adapters.source import Tables, find, finish, read_chunks, read_columns
from features.contracts.times import read_times

EVENT_NAMES: Final = {"view": "view", "addtocart": "cart", "transaction": "purchase"}
PROPERTIES: Final = {
    "timestamp": "timestamp",
    "itemid": "item_id",
    "property": "property",
    "value": "value",
}


def load_retailrocket(path: Path) -> Tables:
    """Read the folder with events.csv and, if present, item_properties_part1.csv and _part2.csv.

    Times are milliseconds since 1970. `category` and `available` are the last values logged for
    each item. Other properties are hashed in the source, so there are no titles, prices or
    pictures. Raises InputError or SchemaError for a missing file or column.
    """
    events_path = find(path, "events.csv")
    events = read_columns(
        events_path,
        {"timestamp": "ms", "visitorid": "user_id", "event": "event", "itemid": "item_id"},
    )
    events["timestamp"] = read_times(events["ms"], "events.csv: column 'timestamp'")[0]
    # An event of a name not known here keeps it, and is set aside by validation.
    events["event_type"] = events["event"].map(EVENT_NAMES).fillna(events["event"])

    parts = [events_path.parent / f"item_properties_part{number}.csv" for number in (1, 2)]
    properties = [_properties(part) for part in parts if part.is_file()]
    items = pd.DataFrame({"item_id": events["item_id"].dropna().unique()}, dtype="str")
    if properties:
        latest = pd.concat(properties).sort_values("ms", kind="stable")
        latest = latest.drop_duplicates(["item_id", "property"], keep="last")
        values = latest.pivot(index="item_id", columns="property", values="value")
        values = values.reindex(columns=["categoryid", "available"])
        items = items.merge(values.reset_index(), how="outer", on="item_id")
        items["category"] = items["categoryid"].astype("str")
        items["available"] = items["available"] != "0"
    return finish(events, items, {})


def _properties(path: Path) -> pd.DataFrame:
    # The files hold 20 million rows, of which one in eight is wanted.
    table = pd.concat(
        chunk[chunk["property"].isin(["categoryid", "available"])]
        for chunk in read_chunks(path, PROPERTIES)
    )
    return table.assign(ms=pd.to_numeric(table["timestamp"], errors="coerce"))
