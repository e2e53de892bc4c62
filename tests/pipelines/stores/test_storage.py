"""Files are whole or absent, and ids stay text."""

import errno
import subprocess
import sys

import pandas as pd
import pytest

from features.schema import InputError, SchemaError, StorageError
from pipelines.stores import storage


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "table.parquet"
    storage.write_table(path, pd.DataFrame({"a": [1]}))

    class Full:
        def __init__(self, target, *_, **__):
            target.write_bytes(b"half")
            raise OSError("disk full")

    monkeypatch.setattr(storage.pq, "ParquetWriter", Full)
    with pytest.raises(StorageError, match=rf"cannot write {path}: disk full; check the disk"):
        storage.write_table(path, pd.DataFrame({"a": [2]}))
    assert pd.read_parquet(path)["a"].tolist() == [1]
    assert [p.name for p in tmp_path.iterdir()] == ["table.parquet"]


WRITE = (
    "import resource, sys; from pathlib import Path; from pipelines.stores import storage\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
    "storage.write_bytes(Path(sys.argv[1]), bytes(10_000))"
)


def test_a_file_that_does_not_fit_is_one_line_that_names_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WRITE, str(tmp_path / "a" / "x.json")],
        capture_output=True,
        text=True,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        f"features.schema.StorageError: cannot write {tmp_path / 'a' / 'x.json'}: File too large; "
    )
    assert list((tmp_path / "a").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "no", "/elsewhere"), "No space left on device; free some space"),
        (OSError(errno.EROFS, "no"), "Read-only file system; make it writable"),
        (OSError(errno.EACCES, "no", "{path}"), "Permission denied; make it writable"),
        (OSError("odd"), "odd; check the disk"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "No space left on"),
        (ValueError("write failed (os error 122)"), "Disk quota exceeded; free some of the quota"),
    ],
)
def test_what_any_library_says_of_a_full_disk_names_the_file(tmp_path, error, words):
    path = tmp_path / "model"
    if getattr(error, "filename", None) == "{path}":
        error.filename = str(path)
    expected = pytest.raises(StorageError, match=f"cannot write {path}: {words}")
    with expected as caught, storage.naming_write_errors(path):
        raise error
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "no", "/photo.jpg"), KeyError("bug")]
)
def test_what_says_nothing_of_the_file_written_passes_as_it_is(tmp_path, error):
    with pytest.raises(type(error)), storage.naming_write_errors(tmp_path / "model"):
        raise error


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\0\0\0", b"\xff", b"[" * 100_000])
def test_json_that_is_torn_is_none(tmp_path, content):
    assert storage.find_json(tmp_path / "a.json") is None
    (tmp_path / "a.json").write_bytes(content)
    assert storage.find_json(tmp_path / "a.json") is None


def test_a_digest_of_content_is_that_of_its_file(tmp_path):
    storage.write_bytes(tmp_path / "a", b"bytes")
    assert storage.digest_file(tmp_path / "a") == storage.digest_content(b"bytes")


def test_csv_ids_keep_their_leading_zeros_and_the_word_na(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item_id,category,image_path,price\n007,NA,a.jpg,\n010,null,b.jpg,2.5\n")
    table = storage.read_input_table(path, "items")
    assert table["item_id"].tolist() == ["007", "010"]
    assert table["category"].tolist() == ["NA", "null"]
    assert table["price"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("events.parquet", b"not parquet", SchemaError, "cannot be read as parquet"),
        ("events.csv", b"", SchemaError, "is empty: expected a header"),
        ("events.xlsx", b"x", InputError, r"expected a \.parquet or \.csv"),
        ("missing.csv", None, InputError, "no file at"),
    ],
)
def test_an_unreadable_table_is_one_clear_line(tmp_path, name, content, kind, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(kind, match=message) as raised:
        storage.read_input_table(path, "events")
    assert "\n" not in str(raised.value)


def test_digests_tell_the_parts_apart():
    assert storage.digest_bytes(b"ab", b"c") != storage.digest_bytes(b"a", b"bc")
    assert storage.digest_json({"a": 1, "b": 2}) == storage.digest_json({"b": 2, "a": 1})
