"""Whether a folder holds a shopper's id: decoded values of tables, and the bytes of every file."""

from __future__ import annotations

import csv
import json
import mmap
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.stores import storage
from pipelines.stores.folder_lock import LOCK

NOT_SHOPPERS: Final = ("item_id", "style_id", "style_drawn", "prototype_id", "render_key")
"""Columns that name other things, whatever a shopper is called."""

_FEWEST_BYTES: Final = 5
_FEWEST_DIGITS: Final = 8
_SQLITE: Final = b"SQLite format 3\0"
_WORD: Final = re.compile(rb"[\w-]")


@dataclass(frozen=True)
class Finding:
    """A file, relative to the folder, and where in it an id is how often."""

    file: str
    where: str
    count: int


def is_distinctive(user_id: str) -> bool:
    """Whether the bytes of an id can be told from those of other things: 5 at least, of digits
    alone 8 at least."""
    return len(user_id.encode()) >= (_FEWEST_DIGITS if user_id.isdigit() else _FEWEST_BYTES)


def search_folder(out: Path, names: Iterable[str]) -> list[Finding]:
    """Where in the files below `out` any of the ids `names` is found, by file.

    Decoded are the values of Parquet, CSV, JSON, NPZ and SQLite files, but for `NOT_SHOPPERS`: a
    value that equals an id, or has a distinctive one in it as a word. Then the bytes of every file
    are searched for the distinctive ids, as words.
    """
    known = sorted(set(names))
    findings: list[Finding] = []
    for path in folder_files(out):
        file = path.relative_to(out).as_posix()
        decoded = search_values(path, known)
        findings += [Finding(file, where, n) for where, n in sorted(decoded.items()) if n]
        in_bytes = _search_bytes(path, [name for name in known if is_distinctive(name)])
        if in_bytes:
            findings.append(Finding(file, "bytes", in_bytes))
    return findings


def folder_files(out: Path) -> list[Path]:
    """Every file below `out` but for the lock of the job that asks, sorted."""
    files = (path for path in out.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path for path in files if path != out / LOCK)


def search_values(path: Path, names: list[str]) -> dict[str, int]:
    """How many decoded values of a file hold an id, by column or key; nothing for other files."""
    counts: dict[str, int] = {}
    if path.suffix == ".parquet":
        return _search_parquet(path, names)
    pattern = _pattern(names)
    for where, value in _values(path):
        if where not in NOT_SHOPPERS and pattern.search(value):
            counts[where] = counts.get(where, 0) + 1
    return counts


def is_sqlite(path: Path) -> bool:
    """Whether the file is a SQLite database, by its first bytes."""
    with path.open("rb") as stream:
        return stream.read(len(_SQLITE)) == _SQLITE


def sqlite_columns(database: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """(table, column) of all columns of all tables, quoted for SQL."""
    for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
        name = f'"{table}"'
        for column in database.execute(f"PRAGMA table_info({name})"):
            yield name, f'"{column[1]}"'


def _pattern(names: list[str]) -> re.Pattern[str]:
    """Matches a text that is one of `names`, or has a distinctive one of them as a word."""
    whole = "|".join(re.escape(name) for name in names)
    words = "|".join(re.escape(name) for name in names if is_distinctive(name))
    within = rf"|(?:^|[^\w-])(?:{words})(?:$|[^\w-])" if words else ""
    return re.compile(rf"^(?:{whole})$" + within)


def _search_parquet(path: Path, names: list[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    pattern = _pattern(names).pattern
    try:
        file = pq.ParquetFile(path)
        for batch in file.iter_batches():
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if name not in NOT_SHOPPERS:
                    found = sum(_matches(text, pattern) for text in _texts(column))
                    counts[name] = counts.get(name, 0) + found
    except (pa.ArrowException, OSError) as error:
        raise storage.read_error(path, error) from error
    return counts


def _texts(column: pa.Array) -> Iterator[pa.Array]:
    """The arrays of text in a column, whatever it is nested in."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield column
    elif pa.types.is_dictionary(kind):
        yield from _texts(column.cast(kind.value_type))
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        texts = [value.decode(errors="replace") for value in column.drop_null().to_pylist()]
        yield pa.array(texts, pa.string())
    elif pa.types.is_struct(kind):
        for child in column.flatten():
            yield from _texts(child)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _texts(column.flatten())


def _matches(texts: pa.Array, pattern: str) -> int:
    return pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0


def _values(path: Path) -> Iterator[tuple[str, str]]:
    """(column or key, text) of all that a file of a known kind says."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                yield from ((str(name), str(value)) for name, value in row.items())
    elif path.suffix == ".json":
        yield from _json_texts(storage.find_json(path) or {}, "")
    elif path.suffix == ".jsonl":
        with path.open(encoding="utf-8") as stream:
            # A bucket without rows is written as an empty line.
            for line in filter(str.strip, stream):
                yield from _json_texts(json.loads(line), "")
    elif path.suffix == ".npz":
        yield from _array_texts(path)
    elif is_sqlite(path):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            for table, column in list(sqlite_columns(database)):
                for (value,) in database.execute(f"SELECT {column} FROM {table}"):
                    text = value.decode(errors="replace") if isinstance(value, bytes) else value
                    if isinstance(text, str):
                        yield column.strip('"'), text


def _json_texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for entry in value:
            yield from _json_texts(entry, key)
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield key, name
            yield from _json_texts(entry, name)


def _array_texts(path: Path) -> Iterator[tuple[str, str]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for name in arrays.files:
                array = arrays[name]
                if array.dtype.kind in "US":
                    for value in np.unique(array).tolist():
                        yield name, value if isinstance(value, str) else value.decode("latin-1")
    except (OSError, ValueError, BadZipFile) as error:
        raise storage.read_error(path, error) from error


def _search_bytes(path: Path, names: list[str]) -> int:
    """How often any of `names` is in the bytes of a file, with no letter, digit, `_` or `-` on
    either side."""
    if not names or path.stat().st_size == 0:
        return 0
    count = 0
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for name in names:
            word = name.encode()
            at = data.find(word)
            while at >= 0:
                end = at + len(word)
                sides = (data[max(at - 1, 0) : at], data[end : end + 1])
                count += not any(_WORD.fullmatch(side) for side in sides)
                at = data.find(word, end)
    return count
