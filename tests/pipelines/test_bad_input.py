"""Bad input is one clear line, or a row in `rejects/`; never a traceback, never a lost job."""

import struct
import subprocess
import sys
import zlib

import pandas as pd
import pytest

from features.schema import ConfigError, InputError, SchemaError
from pipelines.config import parse_config
from pipelines.stages.fit import with_pictures
from pipelines.stages.prepare import canonical_tables
from pipelines.stages.road import run
from pipelines.stores.feed_versions import read_feed

SETTINGS = parse_config({"top_k": 2, "seed": 1, "render": {"size_px": 64}})


def _inputs(folder):
    return {
        "events": folder / "events.parquet",
        "items": folder / "items.csv",
        "styles": folder / "styles.csv",
    }


def _tables(folder):
    paths = _inputs(folder)
    return (
        pd.read_parquet(paths["events"]),
        pd.read_csv(paths["items"], dtype={"item_id": "str"}),
        pd.read_csv(paths["styles"], dtype="str"),
    )


def _bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that declares `width` x `height` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda e: e.drop(columns="user_id"), "user_id"),
        (lambda e: e.assign(timestamp="yesterday"), "timestamp"),
        (lambda e: e.head(0), "empty|no rows"),
        (lambda e: e.assign(item_id="unknown"), "item_id|unknown"),
    ],
    ids=["missing column", "wrong type", "empty log", "no known item"],
)
def test_a_log_that_cannot_be_used_is_refused_in_one_line(tiny_shop, damage, message):
    events, items, styles = _tables(tiny_shop)
    with pytest.raises(SchemaError, match=message) as raised:
        canonical_tables(damage(events), items, styles, SETTINGS)
    assert "\n" not in str(raised.value)


def test_bad_rows_are_set_aside_with_reason_and_counted(tiny_shop):
    events, items, styles = _tables(tiny_shop)
    events.loc[0, "style_id"] = "no such look"
    events.loc[1, "item_id"] = "no such item"
    events.loc[2, "event_type"] = "hover"
    items = pd.concat([items, items.head(1)], ignore_index=True)
    tables = canonical_tables(events, items, styles, SETTINGS)
    rejects = tables["rejects"]
    got = " ".join(rejects["got"].astype("str"))
    for value in ("no such look", "no such item", "hover"):
        assert value in got
    assert (rejects["table"] == "items").sum() == 1
    n_events = len(events) - (rejects["table"] == "events").sum()
    assert len(tables["events"]) == n_events


def test_rejects_name_the_rows_of_the_file_whatever_was_set_aside_before(tiny_shop):
    events, items, styles = _tables(tiny_shop)
    events = events.astype({"timestamp": "datetime64[us, UTC]"}).reset_index(drop=True)
    events.loc[10, "item_id"] = "gone"
    events.loc[20, "timestamp"] = pd.Timestamp("2106-02-07", tz="UTC")
    again = [events.iloc[:100], events.iloc[[50]], events.iloc[100:], events.iloc[[60]]]
    events = pd.concat(again, ignore_index=True)
    items.loc[2, "item_id"] = None
    tables = canonical_tables(events, items, styles, SETTINGS)
    rejects = tables["rejects"].query("table == 'events'")
    row_of = {
        reason: rejects.loc[rejects["reason"].str.contains(reason), "row"].tolist()
        for reason in ("after the day", "more than once")
    }
    assert 10 in rejects.loc[rejects["reason"].str.startswith("item_id"), "row"].tolist()
    assert row_of == {"after the day": [20], "more than once": [100, len(events) - 1]}
    for row, key in rejects[["row", "key"]].itertuples(index=False):
        assert events["user_id"].iloc[row] == key
    placed = tables["items"].set_index("item_id")["row"]
    assert all(items["item_id"].iloc[row] == item for item, row in placed.items())


def test_one_event_of_the_future_changes_no_weight_of_the_others(tiny_shop):
    events, items, styles = _tables(tiny_shop)
    sound = canonical_tables(events, items, styles, SETTINGS)["events"]
    odd = events.head(1).assign(timestamp=pd.Timestamp("2106-02-07", tz="UTC"))
    tables = canonical_tables(pd.concat([events, odd]), items, styles, SETTINGS)
    pd.testing.assert_frame_equal(tables["events"], sound)
    early = parse_config({"log": {"as_of": str(events["timestamp"].quantile(0.5))}})
    part = canonical_tables(events, items, styles, early)
    assert part["events"]["timestamp"].max() <= events["timestamp"].quantile(0.5)
    assert part["rejects"]["reason"].str.contains("after as_of").any()
    assert part["lost"].empty


def test_event_types_and_columns_of_other_names_are_read_as_the_settings_say(tiny_shop):
    events, items, styles = _tables(tiny_shop)
    sound = canonical_tables(events, items, styles, SETTINGS)["events"]
    raw = events.rename(columns={"user_id": "visitorid"})
    raw["event_type"] = raw["event_type"].replace({"click": "Click", "purchase": "order"})
    with pytest.raises(SchemaError, match="Give --columns user_id=visitorid"):
        canonical_tables(raw, items, styles, SETTINGS)
    log = {"columns": {"user_id": "visitorid"}, "event_types": {"order": "purchase"}}
    told = canonical_tables(raw, items, styles, parse_config({"log": log}))["events"]
    pd.testing.assert_frame_equal(told, sound)


def test_a_log_of_one_day_has_no_cut_and_a_shop_sold_out_is_one_line(tiny_shop):
    events, items, styles = _tables(tiny_shop)
    day = events.assign(timestamp=pd.Timestamp("2025-03-01", tz="UTC"))
    assert len(canonical_tables(day, items, styles, SETTINGS)["events"])
    with pytest.raises(SchemaError, match="items: none of 12 items is available"):
        canonical_tables(events, items.assign(available=0), styles, SETTINGS)
    pictures = pd.DataFrame({"item_id": ["000"]})
    gone = items.assign(available=items["item_id"] != "000")
    with pytest.raises(InputError, match=r"nothing to recommend: of 12 items 11 are available"):
        with_pictures(gone, pictures)


@pytest.mark.slow
def test_unreadable_pictures_are_set_aside_and_the_rest_is_served(shop_copy, tmp_path):
    items = pd.read_csv(shop_copy / "items.csv", dtype={"item_id": "str"})
    broken = {
        "corrupt": b"\xff\xd8\xff\xe0 not a jpeg",
        "bomb": _bomb(60_000, 60_000),
        "truncated": (shop_copy / items.at[2, "image_path"]).read_bytes()[:400],
    }
    for row, data in enumerate(broken.values()):
        (shop_copy / items.at[row, "image_path"]).write_bytes(data)
    items.loc[3, "image_path"] = "../../etc/passwd"
    items.to_csv(shop_copy / "items.csv", index=False)
    (shop_copy / "pictures" / "s0.png").unlink()
    out = tmp_path / "out"
    manifest = run(out, _inputs(shop_copy), SETTINGS, print)
    rejects = pd.read_csv(out / "rejects" / "encode.csv", dtype="str")
    assert sorted(rejects["key"]) == ["000", "001", "002", "003", "s0"]
    assert manifest["counts"]["encode"]["rejects"] == 5
    assert rejects.set_index("key").at["003", "reason"].startswith("unsafe path")
    feed = read_feed(out)
    assert not feed["item_id"].isin(["000", "001", "002", "003"]).any()
    assert "s0" not in set(feed["style_id"])
    assert feed.groupby("user_id").size().eq(2).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--events", "none.parquet", "--items", "items.csv"], "no file at"),
        (["run", "--events", "items.csv", "--items", "items.csv"], "user_id"),
        (["run", "--events", "events.parquet", "--items", "items.csv", "--top-k", "0"], "top_k"),
    ],
)
def test_the_command_ends_with_2_and_one_line(shop_copy, tmp_path, arguments, message):
    program = "from pipelines.cli import main; main()"
    command = [sys.executable, "-c", program, *arguments, "--styles", "styles.csv", "--out"]
    done = subprocess.run(
        [*command, str(tmp_path / "out")], cwd=shop_copy, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_a_misspelt_setting_is_named():
    with pytest.raises(ConfigError, match=r"unknown key 'render\.sizepx'"):
        parse_config({"render": {"sizepx": 64}})
