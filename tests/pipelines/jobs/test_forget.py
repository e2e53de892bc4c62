"""A forgotten shopper is nowhere in the folder, others are untouched, no rerun finds them."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.schema import ConfigError, InputError
from pipelines.jobs.check_folder import check_folder
from pipelines.jobs.forget import forget, forget_lines
from pipelines.stores.feed_versions import read_feed
from pipelines.stores.shopper_keys import KEY_VARIABLE, TOMBSTONES
from pipelines.stores.shopper_search import Finding, search_folder

KEY = "a key of the tests, long enough"


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)


def _shown(out):
    """A shopper whom the report shows."""
    page = (out / "report.html").read_text()
    users = read_feed(out, ["user_id"])["user_id"].unique()
    return next(str(user) for user in sorted(users) if f">{user}<" in page)


def _others(out, user):
    """All rows of all tables of a folder that are of other shoppers."""
    found = {}
    for path in sorted(out.rglob("*.parquet")):
        if "user_id" in pq.read_schema(path).names:
            table = pd.read_parquet(path)
            rows = table[table["user_id"] != user].reset_index(drop=True)
            found[path.relative_to(out).as_posix()] = rows
    lines = {
        path.relative_to(out).as_posix(): [
            line for line in path.read_text().splitlines() if json.loads(line)["user_id"] != user
        ]
        for path in sorted(out.rglob("_feed.jsonl"))
    }
    return found, lines


@pytest.mark.slow
def test_a_forgotten_shopper_is_in_no_file_others_are_unchanged_and_reruns_keep_them_out(
    key, job_copy, rerun
):
    user = _shown(job_copy)
    tables, lines = _others(job_copy, user)
    database = job_copy / "exports" / "feed.sqlite"
    database.parent.mkdir()
    with closing(sqlite3.connect(database)) as feed:
        feed.execute("CREATE TABLE feed (user_id TEXT PRIMARY KEY, rows TEXT) WITHOUT ROWID")
        feed.executemany("INSERT INTO feed VALUES (?, ?)", [(user, "[1]"), ("other", "[2]")])
        feed.commit()
    done = forget(job_copy, [user])
    files = {finding["file"].split("/")[0] for finding in done["found"]}
    assert {"tables", "feed", "users.parquet", "models", "report.html", "exports"} <= files
    assert done["left"] == []
    assert search_folder(job_copy, [user]) == []
    after_tables, after_lines = _others(job_copy, user)
    assert after_lines == lines
    assert after_tables.keys() == tables.keys()
    for name, table in tables.items():
        pd.testing.assert_frame_equal(after_tables[name], table)
    with closing(sqlite3.connect(database)) as feed:
        assert feed.execute("SELECT * FROM feed").fetchall() == [("other", "[2]")]
    assert user not in (job_copy / TOMBSTONES).read_text()
    assert user not in json.dumps(done) + "".join(forget_lines(done))
    assert check_folder(job_copy)["ok"]

    manifest = rerun(job_copy)
    assert "fit" in manifest["worked"]
    assert manifest["counts"]["prepare"]["events_forgotten"] > 0
    assert search_folder(job_copy, [user]) == []
    assert rerun(job_copy)["worked"] == []
    again = forget(job_copy, [user])
    assert (again["tombstones"], again["found"], again["deleted"]) == (0, [], [])


def test_forget_without_a_key_or_a_job_is_refused_and_changes_nothing(
    monkeypatch, tmp_path, job_copy
):
    user = _shown(job_copy)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=f"needs a key in {KEY_VARIABLE}: got nothing"):
        forget(job_copy, [user])
    monkeypatch.setenv(KEY_VARIABLE, "short")
    with pytest.raises(ConfigError, match="got 5 bytes, expected at least 16"):
        forget(job_copy, [user])
    assert not (job_copy / TOMBSTONES).exists()
    assert search_folder(job_copy, [user])
    with pytest.raises(InputError, match="holds no job"):
        forget(tmp_path, [user])


@pytest.mark.parametrize("other", [None, "another key, as long as it takes"])
def test_a_run_without_the_key_of_the_tombstones_is_refused(
    key, monkeypatch, job_copy, rerun, other
):
    forget(job_copy, ["nobody-here"])
    if other is None:
        monkeypatch.delenv(KEY_VARIABLE)
    else:
        monkeypatch.setenv(KEY_VARIABLE, other)
    with pytest.raises(ConfigError, match=KEY_VARIABLE):
        rerun(job_copy)


def test_the_search_finds_an_id_in_every_kind_of_file_and_not_in_longer_words(tmp_path):
    ids = ["u-0042", "p9"]
    table = pd.DataFrame({"user_id": ["u-0042", "u-00421"], "item_id": ["u-0042", "p9"]})
    table["nested"] = [[{"note": "as u-0042 did"}], [{"note": "as p9 did"}]]
    table.to_parquet(tmp_path / "a.parquet", compression="zstd")
    pd.DataFrame({"table": ["events", "events"], "key": ["p9", "xp9"]}).to_csv(tmp_path / "b.csv")
    (tmp_path / "c.json").write_text(json.dumps({"users": ["p9"], "u-0042": 1}))
    np.savez_compressed(tmp_path / "d.npz", users=np.array(["u-0042", "xu-0042"]))
    (tmp_path / "e.bin").write_bytes(b"\x00u-0042\x00u-0042-x u-0042")
    with closing(sqlite3.connect(tmp_path / "f.db")) as base:
        base.execute("CREATE TABLE t (who TEXT, what BLOB)")
        base.execute("INSERT INTO t VALUES (?, ?)", ("p9", b"u-0042"))
        base.commit()
    found = search_folder(tmp_path, ids)
    decoded = [finding for finding in found if finding.where != "bytes"]
    assert decoded == [
        Finding("a.parquet", "nested", 1),
        Finding("a.parquet", "user_id", 1),
        Finding("b.csv", "key", 1),
        Finding("c.json", "", 1),
        Finding("c.json", "users", 1),
        Finding("d.npz", "users", 1),
        Finding("f.db", "what", 1),
        Finding("f.db", "who", 1),
    ]
    assert Finding("e.bin", "bytes", 2) in found
    assert search_folder(tmp_path, ["u-004", "nobody"]) == []
