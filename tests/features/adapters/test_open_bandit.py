"""Open Bandit Data -> canonical tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.adapters.open_bandit import load_open_bandit
from features.exposures import exposures
from features.schema import InputError, SchemaError

LOG = """\
,timestamp,item_id,position,click,propensity_score,user_feature_0,user_feature_1,user_feature_2,user_feature_3,user-item_affinity_0
0,2019-11-24 00:03:13.442536+00:00,14,3,0,0.029411764705882353,cef3,03a5,7bc9,9bde,0.0
1,2019-11-24 00:03:36.705207+00:00,7,1,1,0.5,cef3,03a5,9f4e,9bde,0.0
2,2019-11-24 00:03:36.705207+00:00,14,2,0,1.5,cef3,03a5,9f4e,9bde,0.0
"""
CONTEXT = ",item_id,item_feature_0,item_feature_1\n0,0,-0.67,ceca\n1,7,-0.72,270d\n"


def test_rows_become_impressions_with_their_propensity_and_clicks(tmp_path: Path) -> None:
    (tmp_path / "men.csv").write_text(LOG)
    (tmp_path / "item_context.csv").write_text(CONTEXT)
    tables = load_open_bandit(tmp_path)
    shown = tables.events[tables.events["event_type"] == "impression"]
    assert shown["item_id"].tolist() == ["14", "7", "14"]
    assert shown["user_id"].tolist()[:2] == ["cef3-03a5-7bc9-9bde", "cef3-03a5-9f4e-9bde"]
    assert shown["propensity"].tolist()[:2] == [0.029411764705882353, 0.5]
    assert shown["propensity"].isna().tolist() == [False, False, True]
    assert shown["position"].tolist() == [3, 1, 2]
    assert str(shown["timestamp"].iloc[0]) == "2019-11-24 00:03:13.442536+00:00"
    ((reason, count),) = tables.set_aside.items()
    assert reason.startswith("propensity is outside (0, 1]: the value was set aside, the row kept")
    assert count == 1
    assert tables.items["item_id"].tolist() == ["0", "14", "7"]
    assert tables.items["image_path"].tolist() == ["", "", ""]


def test_a_click_is_matched_to_its_own_impression(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text(LOG.replace(",1.5,", ",0.1,"))
    table = exposures(load_open_bandit(tmp_path / "all.csv").events)
    assert table.set_index("item_id")["clicked"].to_dict() == {"14": False, "7": True}
    assert len(table) == 3


def test_a_wrong_folder_or_file_is_named_with_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("hello")
    with pytest.raises(InputError, match=r"none of all.csv, men.csv, women.csv .*readme.txt"):
        load_open_bandit(tmp_path)
    (tmp_path / "all.csv").write_text("timestamp,item\n")
    with pytest.raises(SchemaError, match=r"all.csv: column 'item_id' is missing: found timestamp"):
        load_open_bandit(tmp_path)


@pytest.mark.parametrize(("no", "yes"), [("0", "1"), ("0.0", "1.0"), ("False", "True")])
@pytest.mark.parametrize("top", [0, 1])
def test_clicks_and_positions_of_any_copy_are_read(
    tmp_path: Path, no: str, yes: str, top: int
) -> None:
    head = LOG.splitlines()[0]
    rows = [
        f"{i},2019-11-24 00:0{i}:13+00:00,{i},{i % 3 + top},{(no, yes)[i % 2]},0.03,a,b,c,d,0.0"
        for i in range(6)
    ]
    (tmp_path / "all.csv").write_text("\n".join([head, *rows]) + "\n")
    events = load_open_bandit(tmp_path).events
    shown = events[events["event_type"] == "impression"]
    assert shown["position"].tolist() == [1, 2, 3] * 2
    assert (events["event_type"] == "click").sum() == 3


def test_a_click_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text(LOG.replace("7,1,1,", "7,1,maybe,"))
    with pytest.raises(SchemaError, match=r"click is 'maybe' in 1 rows, first in row 1"):
        load_open_bandit(tmp_path)
