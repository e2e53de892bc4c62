"""An export holds the whole current feed, and a reader never sees parts of two."""

import asyncio
import json
import os
import resource
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from jsonschema import Draft202012Validator

from features.schema import InputError
from pipelines.exports.contract import About, Entry, FeedAnswer, FeedItem, Fidelity, answer_schema
from pipelines.exports.sqlite_feed import FILE, SqliteFeed, read_about
from pipelines.jobs.export_feed import SCHEMA_FILE, export_feed
from pipelines.stages.feed import FEED_COLUMNS, FIDELITY_TYPE
from pipelines.stores.feed_versions import read_feed


def _find(source, user):
    entry = asyncio.run(source.find(user))
    return None if entry is None else json.loads(entry.body)


def _close(source):
    asyncio.run(source.close())


def test_the_models_name_the_columns_of_the_feed_in_their_order():
    names = [*FeedItem.model_fields]
    assert ["user_id", *names, "run_id"] == FEED_COLUMNS
    assert [*Fidelity.model_fields] == [field.name for field in FIDELITY_TYPE]


def test_every_answer_holds_its_shoppers_rows_and_keeps_the_schema(publish_feed, tmp_path):
    rows = publish_feed(tmp_path, "r1")
    done = export_feed(tmp_path)
    assert done == {"version": "r1", "users": 23, "rows": 92, "to": FILE, "worked": True}
    check = Draft202012Validator(json.loads((tmp_path / SCHEMA_FILE).read_text()))
    source = SqliteFeed(tmp_path / FILE)
    for user, own in rows.groupby("user_id"):
        found = _find(source, user)
        check.validate(found)
        assert (found["user_id"], found["known"], found["version"]) == (user, True, "r1")
        expected = own.sort_values("rank").drop(columns=["user_id", "run_id"])
        for item, row in zip(found["items"], expected.to_dict("records"), strict=True):
            figures = row.pop("fidelity")
            assert item.pop("fidelity") == pytest.approx(figures, abs=1e-9)
            row["video_uri"] = row["video_uri"] if isinstance(row["video_uri"], str) else None
            row["probability"] = None if row["rank"] == 1 else row["probability"]
            row["render_key"] = row["render_key"] if row["strength"] else None
            assert item == pytest.approx(row, abs=1e-9)
    _close(source)
    broken = {**found, "items": [{**found["items"][0], "rank": 0}]}
    assert not check.is_valid(broken)
    assert not check.is_valid({**found, "item": 1})


def test_a_shopper_who_is_not_known_gets_what_most_feeds_show_first(publish_feed, tmp_path):
    rows = publish_feed(tmp_path, "r1")
    export_feed(tmp_path)
    source = SqliteFeed(tmp_path / FILE)
    assert _find(source, "nobody") is None
    answer = FeedAnswer.model_validate_json(asyncio.run(source.unknown()).body)
    _close(source)
    assert (answer.known, answer.user_id, answer.run_id) == (False, None, "r1")
    weights = (1 / rows["rank"]).groupby(rows["item_id"]).sum() / rows["user_id"].nunique()
    best = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))[:4]
    assert [(row.item_id, row.score) for row in answer.items] == [
        (item, pytest.approx(weight)) for item, weight in best
    ]
    assert all(row.style_id == "original" for row in answer.items)
    assert all(row.image_uri == row.original_uri for row in answer.items)


def test_a_second_export_does_nothing_and_one_made_anew_has_the_same_bytes(publish_feed, tmp_path):
    publish_feed(tmp_path, "r1")
    export_feed(tmp_path)
    first = (tmp_path / FILE).read_bytes()
    before = os.stat(tmp_path / FILE).st_ino
    assert export_feed(tmp_path)["worked"] is False
    assert os.stat(tmp_path / FILE).st_ino == before
    (tmp_path / FILE).write_bytes(first[:5000])
    assert export_feed(tmp_path)["worked"] is True
    assert (tmp_path / FILE).read_bytes() == first
    # The same name over other rows, as after a repair, is another feed.
    bucket = sorted((tmp_path / "feed" / "r1").glob("bucket-*"))[0]
    bucket.write_bytes(sorted((tmp_path / "feed" / "r1").glob("bucket-*"))[1].read_bytes())
    with pytest.raises(InputError, match="shoppers whom another bucket of the version holds too"):
        export_feed(tmp_path)
    assert (tmp_path / FILE).read_bytes() == first


def test_a_reader_follows_the_replaced_file_and_keeps_what_is_open_when_it_is_damaged(
    publish_feed, tmp_path, capsys
):
    publish_feed(tmp_path, "r1")
    export_feed(tmp_path)
    source = SqliteFeed(tmp_path / FILE)
    assert _find(source, "001")["run_id"] == "r1"
    publish_feed(tmp_path, "r2")
    assert _find(source, "001")["run_id"] == "r1"
    export_feed(tmp_path)
    assert _find(source, "001")["run_id"] == "r2"
    assert asyncio.run(source.about()).version == "r2"
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"no database" * 100)
    damaged.replace(tmp_path / FILE)
    assert _find(source, "001")["run_id"] == "r2"
    assert "the feed that was read before goes on" in capsys.readouterr().err
    (tmp_path / FILE).unlink()
    assert _find(source, "001")["run_id"] == "r2"
    export_feed(tmp_path)
    assert asyncio.run(source.about()).version == "r2"
    _close(source)


def test_a_reader_through_twenty_feeds_never_sees_a_mixture(publish_feed, tmp_path):
    publish_feed(tmp_path, "r00", users=9)
    export_feed(tmp_path)
    seen, answered, ended = [], [], threading.Event()

    def read():
        source = SqliteFeed(tmp_path / FILE)
        while not ended.is_set():
            rows = read_feed(tmp_path, ["user_id", "run_id"])
            seen.append((len(rows), *rows["run_id"].unique()))
            answered.append(_find(source, "001")["run_id"])
        answered.append(_find(source, "001")["run_id"])
        _close(source)

    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(read)
        for number in range(1, 21):
            publish_feed(tmp_path, f"r{number:02}", users=9)
            export_feed(tmp_path)
        ended.set()
        reading.result()
    assert len(seen) > 3
    assert all(len(read) == 2 and read[0] == 36 for read in seen)
    assert seen == sorted(seen)
    assert answered == sorted(answered)
    assert answered[-1] == "r20"


def test_what_is_no_export_is_one_line(publish_feed, tmp_path):
    with pytest.raises(InputError, match="has no feed"):
        export_feed(tmp_path)
    with pytest.raises(InputError, match=r"no export at .*: make one with `stylefeed export-feed`"):
        read_about(tmp_path / FILE)
    publish_feed(tmp_path, "r1")
    export_feed(tmp_path)
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("UPDATE about SET value = '{\"format\": 0}' WHERE name = 'about'")
    connection.commit()
    connection.close()
    with pytest.raises(InputError, match="has format 0, expected 2"):
        SqliteFeed(tmp_path / FILE)
    bucket = next((tmp_path / "feed" / "r1").glob("bucket-*"))
    bucket.write_bytes(b"half")
    with pytest.raises(InputError, match=r"bucket-.*cannot be read .*run `stylefeed run`"):
        export_feed(tmp_path)


def test_a_file_that_is_damaged_while_it_is_read_is_one_line(publish_feed, tmp_path):
    publish_feed(tmp_path, "r1", users=200)
    export_feed(tmp_path)
    source = SqliteFeed(tmp_path / FILE)
    with (tmp_path / FILE).open("r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        stream.write(b"?" * size)
    with pytest.raises(InputError, match=r"the export at .* cannot be read"):
        _find(source, "199")
    _close(source)


@pytest.mark.parametrize("command", ["export-feed", "serve", "forget"])
def test_redis_without_its_extra_is_one_line_that_names_it(publish_feed, tmp_path, command):
    publish_feed(tmp_path, "r1")
    (tmp_path / "job.json").write_text("{}")
    place = ["0", "--out", str(tmp_path)] if command == "forget" else [str(tmp_path)]
    program = "import sys; sys.modules['redis'] = None; from pipelines.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, command, *place, "--redis", "redis://127.0.0.1:1/0"],
        env={**os.environ, "STYLEFEED_PRIVACY_KEY": "a key of the tests, long enough"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "redis is not installed: pip install 'stylefeed[redis]'" in done.stderr


def _no_large_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))


def test_a_write_that_fails_keeps_the_old_export_and_leaves_nothing(publish_feed, tmp_path):
    publish_feed(tmp_path, "r1", users=5)
    export_feed(tmp_path)
    before = (tmp_path / FILE).read_bytes()
    publish_feed(tmp_path, "r2", users=200)
    program = "import sys; sys.argv = ['stylefeed', 'export-feed', sys.argv[1]];"
    program += "from pipelines.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        preexec_fn=_no_large_files,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"stylefeed: cannot write {tmp_path / FILE}: ")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / FILE).read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "exports").iterdir()) == [
        "feed.schema.json",
        "feed.sqlite",
    ]


def test_an_entry_is_what_was_packed():
    entry = Entry("0" * 32, b"{}")
    assert Entry.unpack(entry.pack()) == entry
    assert About("v", "s", 1, 2).format == 2
    assert answer_schema()["properties"]["items"]["type"] == "array"
