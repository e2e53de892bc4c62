"""A forgotten shopper is nowhere in the folder, others are untouched, no rerun finds them."""

import json
import sqlite3
import threading
from contextlib import closing

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.schema import ConfigError, InputError
from pipelines.jobs.check_folder import check_folder
from pipelines.jobs.forget import forget, forget_lines
from pipelines.stores.feed_versions import read_feed
from pipelines.stores.feedback_events import FEEDBACK, hold_feedback
from pipelines.stores.render_store import JOURNAL
from pipelines.stores.shopper_keys import KEY_VARIABLE, TOMBSTONES, pseudonym
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


def _bare_job(folder, **job):
    """A folder that holds a job's description and nothing else."""
    (folder / "tables").mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({"config": {}, "inputs": {}, **job}))
    return folder


def test_pages_go_always_and_an_id_that_a_page_writes_otherwise_is_found(key, tmp_path):
    user = "o'neil&<co>"
    escaped = "o&#39;neil&amp;&lt;co&gt;"
    out = _bare_job(tmp_path / "out")
    (out / "ab").mkdir()
    (out / "report.html").write_text("<p>sums of all shoppers</p>")
    (out / "ab" / "one.html").write_text("<p>sums</p>")
    (out / "mine.html").write_text(f"<p>{escaped}</p>")
    (out / "other.html").write_text("<p>o&#39;neill</p>")
    assert search_folder(out, [user]) == [Finding("mine.html", "text", 1)]
    done = forget(out, [user])
    assert sorted(done["deleted"]) == ["ab/one.html", "mine.html", "report.html"]
    assert (out / "other.html").exists()
    (out / "report.html").write_text("<p>made anew</p>")
    assert forget(out, [user])["deleted"] == []


def test_whole_numbers_are_ids_too_and_raw_rows_of_a_killed_run_go(key, tmp_path):
    out = _bare_job(tmp_path / "out")
    numbers = pd.DataFrame({"user_id": [41, 42], "n": [42, 41]})
    (out / "tables" / "raw").mkdir()
    numbers.to_parquet(out / "tables" / "raw" / "bucket-00.parquet")
    numbers.to_parquet(out / "tables" / "mine.parquet")
    numbers.astype({"user_id": "float64"}).to_parquet(out / "tables" / "gaps.parquet")
    (out / "mine.json").write_text('[{"user_id": 42, "n": 1}, {"user_id": 41, "n": 42}]')
    with closing(sqlite3.connect(out / "mine.db")) as base:
        base.execute("CREATE TABLE t (user_id INTEGER, n INTEGER)")
        base.executemany("INSERT INTO t VALUES (?, ?)", [(41, 42), (42, 41)])
        base.commit()
    done = forget(out, ["42"])
    found = {(finding["file"], finding["where"]) for finding in done["found"]}
    files = ("tables/raw/bucket-00.parquet", "tables/mine.parquet", "tables/gaps.parquet")
    assert found == {(file, "user_id") for file in (*files, "mine.json", "mine.db")}
    assert done["deleted"] == ["tables/raw/bucket-00.parquet"]
    assert (done["left"], done["unknown"]) == ([], 0)
    assert pd.read_parquet(out / "tables" / "mine.parquet")["n"].tolist() == [42]
    assert json.loads((out / "mine.json").read_text()) == [{"user_id": 41, "n": 42}]
    with closing(sqlite3.connect(out / "mine.db")) as base:
        assert base.execute("SELECT * FROM t").fetchall() == [(41, 42)]


def test_who_is_found_nowhere_is_said_and_a_pseudonym_of_a_job_without_is_refused(key, tmp_path):
    out = _bare_job(tmp_path / "out")
    pd.DataFrame({"user_id": ["u0042"]}).to_parquet(out / "tables" / "a.parquet")
    hidden = pseudonym("u0042", KEY.encode())
    with pytest.raises(InputError, match="has no pseudonyms, and one was given"):
        forget(out, [hidden])
    assert not (out / TOMBSTONES).exists()
    done = forget(out, ["u0042", "u0043"])
    assert (done["users"], done["unknown"]) == (2, 1)
    assert "1 shoppers were found nowhere: expected ids as in the log" in forget_lines(done)[1]
    assert forget(out, ["u0042", "u0043"])["unknown"] == 0
    pd.DataFrame({"user_id": [hidden]}).to_parquet(out / "tables" / "a.parquet")
    assert forget(out, ["u0042"])["rows"] == {"tables/a.parquet": 1}


def test_a_key_other_than_that_of_the_pseudonyms_is_refused(key, tmp_path):
    out = _bare_job(tmp_path / "out", privacy={"pseudonyms": "of another key"})
    with pytest.raises(ConfigError, match="not the key that the pseudonyms in"):
        forget(out, ["u0042"])


def test_a_torn_line_or_table_of_text_does_not_stop_forgetting(key, tmp_path):
    out = _bare_job(tmp_path / "out")
    (out / "renders").mkdir()
    (out / JOURNAL).write_text('{"render_key": "a"}\n{"render_ke')
    (out / "lines.jsonl").write_text('{"user_id": "u0041"}\n\n[1]\n{"user_id": "u0042", "ran')
    (out / "torn.json").write_text('{"users": ["u00')
    (out / "old.csv").write_bytes(b"user_id,name\nu0042,Ren\xe9\nu0041,Zo\xeb,more\n")
    done = forget(out, ["u0042"])
    assert done["rows"] == {"lines.jsonl": 1, "old.csv": 1}
    assert done["left"] == []
    assert (out / JOURNAL).read_text().endswith('{"render_ke')
    assert (out / "old.csv").read_bytes() == b"user_id,name\nu0041,Zo\xeb,more\n"


def test_a_shopper_called_none_leaves_lines_about_nobody(key, tmp_path):
    out = _bare_job(tmp_path / "out")
    (out / "lines.jsonl").write_text('{"attempt": "a"}\n{"user_id": "None"}\n{"user_id": 7}\n')
    assert forget(out, ["None"])["rows"] == {"lines.jsonl": 1}
    assert (out / "lines.jsonl").read_text() == '{"attempt": "a"}\n{"user_id": 7}\n'


def test_who_speaks_in_the_studio_meanwhile_brings_nobody_back(key, tmp_path):
    out = _bare_job(tmp_path / "out")
    (out / "studio").mkdir()
    said = pd.DataFrame({"user_id": ["u0041", "u0042"]})
    said.to_parquet(out / FEEDBACK)
    with hold_feedback(out):
        forgetting = threading.Thread(target=forget, args=(out, ["u0042"]))
        forgetting.start()
        forgetting.join(0.5)
        assert forgetting.is_alive()
        said.to_parquet(out / FEEDBACK)
    forgetting.join()
    assert pd.read_parquet(out / FEEDBACK)["user_id"].tolist() == ["u0041"]


@pytest.mark.parametrize("name", ["feed", "tables/a.parquet", "nowhere"])
def test_a_link_is_refused_in_one_line_before_anything_is_done(key, tmp_path, name):
    out, other = _bare_job(tmp_path / "out"), tmp_path / "other"
    if name == "feed":
        other.mkdir()
    elif name != "nowhere":
        other.write_text("u0042")
    (out / name).symlink_to(other)
    with pytest.raises(InputError, match=f"{name} is a symbolic link") as caught:
        forget(out, ["u0042"])
    assert "\n" not in str(caught.value)
    assert not (out / TOMBSTONES).exists()


def test_a_damaged_database_is_one_line(key, tmp_path):
    out = _bare_job(tmp_path / "out")
    (out / "exports").mkdir()
    (out / "exports" / "feed.sqlite").write_bytes(b"SQLite format 3\0" + b"torn" * 999)
    with pytest.raises(InputError, match=r"feed\.sqlite cannot be read .*make it again"):
        forget(out, ["u0042"])


def test_words_of_other_columns_are_no_shoppers(key, tmp_path):
    out = _bare_job(tmp_path / "out")
    names = {"session_id": ["web-1"], "channel": ["email"], "user_id": ["u0041"]}
    pd.DataFrame(names).to_parquet(out / "tables" / "a.parquet", compression="zstd")
    with closing(sqlite3.connect(out / "feed.db")) as base:
        base.execute("CREATE TABLE about (name TEXT, rank INTEGER)")
        base.execute("INSERT INTO about VALUES ('kept', 7)")
        base.commit()
    done = forget(out, ["email", "web-1", "7", "kept"])
    assert done["rows"] == {}
    assert {finding["where"] for finding in done["left"]} <= {"bytes", "name"}


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
