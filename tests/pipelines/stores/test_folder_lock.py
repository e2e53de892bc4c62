"""One job at a time in a folder; the lock ends with its process, whatever is left in its file."""

import json
import os
import subprocess
import sys

import pytest

from features.schema import InputError, StorageError
from pipelines.stores.folder_lock import LOCK, hold_folder, sweep_leftovers

HOLD = (
    "import sys, time; from pathlib import Path\n"
    "from pipelines.stores.folder_lock import hold_folder\n"
    "with hold_folder(Path(sys.argv[1])):\n print('held', flush=True); time.sleep(60)"
)


def test_a_second_job_is_refused_in_one_line_that_names_the_first(tmp_path):
    out = tmp_path / "new" / "out"
    with hold_folder(out):
        with pytest.raises(InputError) as caught, hold_folder(out):
            pass
        assert json.loads((out / LOCK).read_text())["pid"] == os.getpid()
    assert "\n" not in str(caught.value)
    for word in (str(out), f"process {os.getpid()} on", "started 0 s ago", "wait until it has"):
        assert word in str(caught.value)
    assert not (out / LOCK).exists()
    with hold_folder(out):
        pass


def test_a_lock_of_a_killed_process_is_taken_over(tmp_path):
    job = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert job.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match=f"process {job.pid} on"), hold_folder(tmp_path):
            pass
    finally:
        job.kill()
        job.communicate()
    assert (tmp_path / LOCK).exists()
    with hold_folder(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_torn_lock_file_neither_refuses_nor_breaks_a_job(tmp_path, text):
    (tmp_path / LOCK).write_text(text)
    with hold_folder(tmp_path):
        (tmp_path / LOCK).write_text(text)
        with pytest.raises(InputError, match="it has just started"), hold_folder(tmp_path):
            pass


def test_leftovers_of_killed_jobs_are_removed_and_nothing_else(tmp_path):
    gone = [
        *("tables/.writing-a.parquet", ".writing-b", "renders/ab/.writing-c.jpeg"),
        *("tables/events/.writing-e.parquet", "tables/raw/deep/.writing-f.parquet"),
        *("models/two_stage/als/.writing-g.npz", "ab/.writing-h.html", "privacy/.writing-i.json"),
    ]
    kept = ["tables/a.parquet", "mine/.writing-d", "renders/ab/c.jpeg", "notes.txt"]
    for name in gone + kept:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "feed" / ".writing-version").mkdir(parents=True)
    (tmp_path / "feed" / ".writing-version" / "bucket.parquet").write_text("x")
    with hold_folder(tmp_path):
        assert not any((tmp_path / name).exists() for name in gone)
        assert all((tmp_path / name).exists() for name in kept)
        assert list((tmp_path / "feed").iterdir()) == []
    assert sweep_leftovers(tmp_path) == 0


@pytest.mark.parametrize("name", ["file", "file/out", "file/a/b"])
def test_a_folder_that_a_file_is_in_the_way_of_is_one_line(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    words = "a file is where a folder is needed"
    with pytest.raises(StorageError, match=words) as caught, hold_folder(tmp_path / name):
        pass
    assert str(tmp_path / name) in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"
