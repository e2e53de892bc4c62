"""RetailRocket -> canonical tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from features.adapters.retailrocket import load_retailrocket
from features.adapters.source import read_chunks

EVENTS = """\
timestamp,visitorid,event,itemid,transactionid
1433221332117,257597,view,355908,
1433224214164,992329,addtocart,248676,
1433222276276,599528,transaction,356475,4000
1433222276277,599528,wishlist,356475,
"""
PART_1 = """\
timestamp,itemid,property,value
1435460400000,355908,categoryid,1338
1431226800000,355908,categoryid,9
1441508400000,248676,888,1116713 960601 n277.200
1442113200000,248676,available,0
"""
PART_2 = """\
timestamp,itemid,property,value
1431831600000,356475,available,0
1441508400000,356475,available,1
1433041200000,111111,categoryid,77
"""


def test_events_and_their_millisecond_times_become_canonical(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(EVENTS)
    tables = load_retailrocket(tmp_path)
    assert tables.events["event_type"].tolist() == ["view", "cart", "purchase"]
    assert tables.events["user_id"].tolist() == ["257597", "992329", "599528"]
    assert tables.events["timestamp"].iloc[0] == pd.Timestamp("2015-06-02 05:02:12.117", tz="UTC")
    assert sum(tables.set_aside.values()) == 1
    assert next(iter(tables.set_aside)).startswith("event_type is not one of impression")
    assert tables.items["item_id"].tolist() == ["248676", "355908", "356475"]
    assert tables.items["category"].tolist() == ["", "", ""]


def test_items_take_their_last_logged_category_and_availability(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(EVENTS)
    (tmp_path / "item_properties_part1.csv").write_text(PART_1)
    (tmp_path / "item_properties_part2.csv").write_text(PART_2)
    items = load_retailrocket(tmp_path).items
    assert items[["item_id", "category", "available"]].to_numpy().tolist() == [
        ["111111", "77", True],
        ["248676", "", False],
        ["355908", "1338", True],
        ["356475", "", True],
    ]


def test_a_file_read_in_chunks_gives_every_row_once(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(EVENTS)
    chunks = list(read_chunks(path, {"itemid": "item_id"}, rows=3))
    assert [len(chunk) for chunk in chunks] == [3, 1]
    assert [item for chunk in chunks for item in chunk["item_id"]] == [
        *("355908", "248676", "356475", "356475")
    ]
