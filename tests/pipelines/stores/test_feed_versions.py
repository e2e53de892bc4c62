"""A reader sees one whole version of the feed, always."""

import errno
import json

import pandas as pd
import pytest

from features.schema import InputError, StorageError
from pipelines.stores import storage
from pipelines.stores.feed_versions import (
    POINTER,
    all_versions,
    current_version,
    point_to,
    read_feed,
    read_version,
    shown_files,
    version_history,
    write_version,
)


def _write(out, run_id, value, key="key"):
    def write(folder):
        for bucket in range(2):
            path = folder / f"bucket-{bucket:02}.parquet"
            pd.DataFrame({"value": [value], "bucket": bucket}).to_parquet(path)

    name, files = write_version(out, run_id, key, write)
    return name, files


def test_a_version_is_read_whole_and_the_pointer_moves_in_one_step(tmp_path):
    name, files = _write(tmp_path, "r1", 1)
    with pytest.raises(InputError, match=r"has no feed.*run `stylefeed run`"):
        current_version(tmp_path)
    point_to(tmp_path, name)
    old = current_version(tmp_path)
    assert old == tmp_path / "feed" / "r1"
    assert files == [f"feed/r1/{file.name}" for file in sorted(old.iterdir())]
    point_to(tmp_path, _write(tmp_path, "r2", 2)[0])
    assert read_feed(tmp_path)["value"].tolist() == [2, 2]
    # Who began to read the old version still reads it whole.
    assert pd.read_parquet(old)["value"].tolist() == [1, 1]
    assert version_history(tmp_path) == ["r2", "r1"]
    point_to(tmp_path, "r1")
    assert version_history(tmp_path) == ["r1", "r2"]


def test_a_write_that_fails_leaves_the_current_feed_and_nothing_beside_it(tmp_path):
    point_to(tmp_path, _write(tmp_path, "r1", 1)[0])

    def fail(folder):
        (folder / "bucket-00.parquet").write_bytes(b"half")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_version(tmp_path, "r2", "key", fail)
    assert read_feed(tmp_path)["value"].tolist() == [1, 1]

    def fill(folder):
        with storage.replace_file(folder / "bucket-00.parquet"):
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(StorageError, match=r"cannot write .*/feed/r2: No space left on device"):
        write_version(tmp_path, "r2", "key", fill)
    assert sorted(path.name for path in (tmp_path / "feed").iterdir()) == ["current.json", "r1"]


def test_a_version_of_the_same_run_with_other_content_gets_a_name_of_its_own(tmp_path):
    _write(tmp_path, "r1", 1, "old-key-of-stage")
    name, _ = _write(tmp_path, "r1", 2, "new-key-of-stage")
    assert name == "r1-new-key-"
    assert all_versions(tmp_path) == ["r1", "r1-new-key-"]


@pytest.mark.parametrize("damage", ["torn", "gone"])
def test_a_damaged_version_is_repaired_in_place(tmp_path, damage):
    name, files = _write(tmp_path, "r1", 1)
    whole = {file: (tmp_path / file).read_bytes() for file in files}
    if damage == "torn":
        (tmp_path / files[-1]).write_bytes(b"")
    else:
        (tmp_path / files[-1]).unlink()
    assert _write(tmp_path, "r1", 1) == (name, files)
    assert {file: (tmp_path / file).read_bytes() for file in files} == whole


@pytest.mark.parametrize("text", ["", "{", "[]", '{"history": 3}', '{"history": ["gone"]}'])
def test_a_torn_pointer_is_one_line(tmp_path, text):
    point_to(tmp_path, _write(tmp_path, "r1", 1)[0])
    (tmp_path / POINTER).write_text(text)
    with pytest.raises(InputError, match=r"has no feed, or feed/current\.json there cannot be"):
        read_feed(tmp_path)


def test_the_pointer_says_which_version_is_current(tmp_path):
    point_to(tmp_path, _write(tmp_path, "r1", 1)[0])
    assert json.loads((tmp_path / POINTER).read_text()) == {"version": "r1", "history": ["r1"]}


def test_the_folder_of_all_versions_is_no_feed(tmp_path):
    point_to(tmp_path, _write(tmp_path, "r1", 1)[0])
    point_to(tmp_path, _write(tmp_path, "r2", 2)[0])
    # A reader that takes it for one data set would mix versions: it must fail instead.
    with pytest.raises(Exception, match=r"current\.json|magic bytes"):
        pd.read_parquet(tmp_path / "feed")


def test_a_version_from_before_there_were_clips_has_none(publish_feed, tmp_path):
    rows = publish_feed(tmp_path, "r1")
    folder = current_version(tmp_path)
    files = sorted(folder.glob("bucket-*.parquet"))
    assert set().union(*map(shown_files, files)) >= set(rows["video_uri"].dropna())
    for file in files:
        pd.read_parquet(file).drop(columns="video_uri").to_parquet(file, index=False)
    assert read_version(folder)["video_uri"].isna().all()
    some = ["item_id", "video_uri"]
    assert read_version(folder, some).columns.tolist() == some
    shown = {*rows["image_uri"], *rows["original_uri"]}
    assert set().union(*map(shown_files, files)) == shown
