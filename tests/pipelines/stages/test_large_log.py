"""A log read part by part gives what it gives read at once."""

import json

import numpy as np
import pandas as pd
import pytest

from features.schema import SchemaError
from pipelines.config import StageConfig, parse_config
from pipelines.stages import prepare as stage
from pipelines.stages.large_log import is_typed, raw_rows
from pipelines.stages.road import STAGES, open_job
from pipelines.stores import event_buckets
from pipelines.stores.event_buckets import LogFacts, read_events, user_chunks
from pipelines.stores.shopper_keys import KEY_VARIABLE, add_tombstones, read_key
from pipelines.stores.workspace import StageFolder

CONFIG = parse_config({})


@pytest.fixture
def damaged_shop(shop_copy):
    """A shop whose log has every kind of row that is set aside."""
    events = pd.read_parquet(shop_copy / "events.parquet")
    events["timestamp"] = events["timestamp"].astype("datetime64[us, UTC]")
    events.loc[3, "item_id"] = "gone"
    events.loc[4, "event_type"] = "hover"
    events.loc[5, "user_id"] = None
    events.loc[6, "style_id"] = "no look"
    events.loc[7, "timestamp"] = pd.Timestamp("2106-02-07", tz="UTC")
    events.loc[8, "timestamp"] = pd.Timestamp("1970-01-01", tz="UTC")
    events.loc[9, "dwell_s"] = -5.0
    bot = events.iloc[[20] * 1_500].assign(user_id="bot", event_type="click")
    bot["timestamp"] += pd.to_timedelta(np.arange(1_500) * 2, "s")
    pd.concat([events, bot, events.iloc[30:34]]).to_parquet(
        shop_copy / "events.parquet", index=False
    )
    return shop_copy


def _prepared(shop, out, settings=CONFIG):
    inputs = {
        "events": shop / "events.parquet",
        "items": shop / "items.csv",
        "styles": shop / "styles.csv",
    }
    workspace, job = open_job(out, inputs, settings)
    folder = StageFolder(workspace.root, STAGES[0], "key", job)
    config = StageConfig(settings, "prepare", STAGES[0].settings)
    return folder, stage.prepare(folder, config)


@pytest.mark.slow
def test_the_parts_of_a_log_give_what_the_whole_gives(damaged_shop, tmp_path, monkeypatch):
    whole, counts = _prepared(damaged_shop, tmp_path / "whole")
    monkeypatch.setattr(stage, "LARGE_LOG_ROWS", 10)
    monkeypatch.setattr(event_buckets, "ROWS_PER_BUCKET", 40)
    monkeypatch.setattr("pipelines.stages.large_log._ROWS_AT_ONCE", 97)
    parts, told = _prepared(damaged_shop, tmp_path / "parts")
    assert told == counts
    assert sum(counts["rejects_by_reason"].values()) > 1_500
    assert counts["values_set_aside"] == 1
    pd.testing.assert_frame_equal(read_events(parts), read_events(whole))
    facts = [LogFacts.load(folder.path("tables/log.json")) for folder in (parts, whole)]
    assert facts[0].buckets > facts[1].buckets == 16
    assert facts[0].stamping == facts[1].stamping
    for name in ("prepare.csv", "prepare_values.csv"):
        texts = [(folder.root / "rejects" / name).read_text() for folder in (parts, whole)]
        assert texts[0] == texts[1]
    assert not (parts.root / "tables" / "raw").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda e: e.assign(event_type="order"), "event types 'order'"),
        (lambda e: e.assign(item_id="gone"), "none of 1[0-9]+ rows can be used"),
        (lambda e: e.assign(event_type="impression"), "no outcome is left"),
        (lambda e: e.assign(position=0), "positions run from 0"),
    ],
    ids=["other words", "other items", "no outcome", "positions from 0"],
)
def test_what_the_whole_log_tells_is_refused(shop_copy, tmp_path, damage, message, monkeypatch):
    monkeypatch.setattr(stage, "LARGE_LOG_ROWS", 10)
    events = pd.read_parquet(shop_copy / "events.parquet")
    damage(events).to_parquet(shop_copy / "events.parquet", index=False)
    with pytest.raises(SchemaError, match=message):
        _prepared(shop_copy, tmp_path / "out")


def test_only_parquet_that_says_its_types_is_read_in_parts(shop_copy):
    path = shop_copy / "events.parquet"
    assert raw_rows(path) == len(pd.read_parquet(path))
    assert is_typed(path, CONFIG.log)
    assert raw_rows(shop_copy / "items.csv") is None
    events = pd.read_parquet(path)
    for wrong in (
        {"timestamp": events["timestamp"].astype("str")},
        {"user_id": 1.0},
        {"event_type": 1},
    ):
        events.assign(**wrong).to_parquet(path)
        assert not is_typed(path, CONFIG.log)


def _split_into_folder(path):
    """The log at `path` as a folder of files of other schemas; returns the whole as it was."""
    events = pd.read_parquet(path)
    path.unlink()
    path.mkdir()
    first, second, last = (events.iloc[n::3] for n in range(3))
    first.set_index("timestamp", drop=False).rename_axis("saved").to_parquet(path / "a.parquet")
    second.astype({"user_id": "category", "event_type": "category"}).to_parquet(
        path / "b.parquet", index=False
    )
    last = last.assign(extra=1.5).astype({"position": "int32", "dwell_s": "float32"})
    last = last[[*reversed(last.columns)]]
    last.to_parquet(path / "c.parquet", index=False)


def test_files_of_other_schemas_give_what_the_whole_gives(shop_copy, tmp_path, monkeypatch):
    _split_into_folder(shop_copy / "events.parquet")
    assert is_typed(shop_copy / "events.parquet", CONFIG.log)
    whole, counts = _prepared(shop_copy, tmp_path / "whole")
    monkeypatch.setattr(stage, "LARGE_LOG_ROWS", 10)
    parts, told = _prepared(shop_copy, tmp_path / "parts")
    assert told == counts
    pd.testing.assert_frame_equal(read_events(parts), read_events(whole))


def test_files_whose_types_do_not_agree_are_read_at_once(shop_copy):
    path = shop_copy / "events.parquet"
    events = pd.read_parquet(path)
    path.unlink()
    path.mkdir()
    events.assign(user_id=range(len(events))).to_parquet(path / "a.parquet")
    events.to_parquet(path / "b.parquet")
    assert not is_typed(path, CONFIG.log)


def test_a_torn_file_is_refused_in_one_line(shop_copy, tmp_path):
    path = shop_copy / "events.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    assert raw_rows(path) is None
    with pytest.raises(SchemaError, match=r"cannot be read as parquet.*check that the copy"):
        _prepared(shop_copy, tmp_path / "out")


def test_wrong_clocks_and_old_events_are_judged_by_the_rows_that_may_be_used(
    shop_copy, tmp_path, monkeypatch
):
    # Rows of unknown items, a month after all others: they must not move what is past retention.
    path = shop_copy / "events.parquet"
    events = pd.read_parquet(path)
    events["timestamp"] = events["timestamp"].astype("datetime64[us, UTC]")
    late = events.iloc[:60].assign(item_id="gone")
    late["timestamp"] = events["timestamp"].max() + pd.Timedelta(days=31)
    pd.concat([events, late]).to_parquet(path, index=False)
    span = events["timestamp"].max() - events["timestamp"].min()
    settings = parse_config({"log": {"retention_days": span / pd.Timedelta(days=2)}})
    whole, counts = _prepared(shop_copy, tmp_path / "whole", settings)
    monkeypatch.setattr(stage, "LARGE_LOG_ROWS", 10)
    parts, told = _prepared(shop_copy, tmp_path / "parts", settings)
    assert told == counts
    assert 0 < counts["events_past_retention"] < len(events)
    pd.testing.assert_frame_equal(read_events(parts), read_events(whole))


def test_a_sample_of_shoppers_is_whole_and_the_same_from_any_buckets(tmp_path):
    users = [f"u{n % 500}" for n in range(2_000)]
    log = pd.DataFrame(
        {
            "timestamp": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(range(2000), "s"),
            "user_id": users,
            "item_id": "a",
            "event_type": "click",
            **dict.fromkeys(("session_id", "style_id", "channel"), None),
            **dict.fromkeys(("position", "dwell_s", "propensity"), np.nan),
        }
    )
    drawn = []
    for buckets in (16, 64):
        out = event_buckets.Workspace(tmp_path / str(buckets))
        facts = event_buckets.write_log(out, log)
        told = json.loads(out.path("tables/log.json").read_text())
        out.path("tables/log.json").write_text(json.dumps({**told, "buckets": buckets}))
        event_buckets.write_buckets(out, log, buckets)
        drawn.append(read_events(out, 100))
        assert facts.users == 500
    pd.testing.assert_frame_equal(drawn[0], drawn[1])
    assert 60 < drawn[0]["user_id"].nunique() < 140
    assert (drawn[0]["user_id"].value_counts() == 4).all()
    chunks = list(user_chunks(drawn[0], 7))
    assert all(chunk["user_id"].nunique() <= 7 for chunk in chunks)
    order = [user for chunk in chunks for user in sorted(set(chunk["user_id"]))]
    assert order == sorted(set(drawn[0]["user_id"]))


def test_what_is_withheld_is_the_same_in_parts_and_in_whole(shop_copy, tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "a key of the tests, long enough")
    path = shop_copy / "events.parquet"
    events = pd.read_parquet(path)
    users = sorted(events["user_id"].unique())
    events["opt_out"] = events["user_id"] == users[2]
    events.to_parquet(path, index=False)
    span = events["timestamp"].max() - events["timestamp"].min()
    log = {"retention_days": span / pd.Timedelta(days=2)}
    settings = parse_config({"log": log, "privacy": {"pseudonymise": True}})
    for name in ("whole", "parts"):
        add_tombstones(tmp_path / name, [users[1]], read_key("the test"))
    whole, counts = _prepared(shop_copy, tmp_path / "whole", settings)
    monkeypatch.setattr(stage, "LARGE_LOG_ROWS", 10)
    parts, told = _prepared(shop_copy, tmp_path / "parts", settings)
    assert told == counts
    assert min(counts[f"events_{why}"] for why in ("forgotten", "opted_out", "past_retention")) > 0
    pd.testing.assert_frame_equal(read_events(parts), read_events(whole))
    opted_out = [folder.read("tables/opted_out.parquet") for folder in (parts, whole)]
    pd.testing.assert_frame_equal(*opted_out)
    assert len(opted_out[0]) == counts["users_opted_out"] == 1
