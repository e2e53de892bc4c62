"""Whether a folder holds a shopper's id: decoded values of tables, and the bytes of every file."""

from __future__ import annotations

import csv
import html
import json
import mmap
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.schema import InputError
from pipelines.stores import storage
from pipelines.stores.folder_lock import LOCK

USERS: Final = "user_id"
"""The column that names shoppers, as text or as whole numbers."""
NOT_SHOPPERS: Final = (
    *("item_id", "style_id", "style_drawn", "prototype_id", "render_key"),
    *("session_id", "channel"),
)
"""Columns that name other things, whatever a shopper is called."""
PAGES: Final = (".html", ".htm")

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

    Decoded are the values of Parquet, CSV, JSON, NPZ and SQLite files, but for `NOT_SHOPPERS`, and
    the text of pages: a value that equals an id, or has a distinctive one in it as a word. Then the
    bytes of every file are searched for the distinctive ids, as words. Raises InputError where a
    file cannot be decoded.
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


def found_names(out: Path, names: Iterable[str]) -> set[str]:
    """Which of the ids `names` a table, feed or list of rejects below `out` has as a shopper's."""
    wanted = pa.array(sorted(set(names)), pa.string())
    known = set(names)
    found: set[str] = set()
    for path in folder_files(out):
        if path.suffix == ".parquet":
            try:
                for batch in _user_batches(path):
                    found |= set(batch.filter(pc.is_in(batch, value_set=wanted)).to_pylist())
            except (pa.ArrowException, OSError) as error:
                raise storage.read_error(path, error) from error
        elif path.suffix in (".csv", ".jsonl"):
            found |= known & {value for where, value in _values(path) if where in (USERS, "key")}
    return found


def folder_files(out: Path) -> list[Path]:
    """Every file below `out` but for the lock of the job that asks, sorted."""
    files = (path for path in out.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path for path in files if path != out / LOCK)


def require_no_links(out: Path) -> None:
    """Raise InputError where a file or folder below `out` is a symbolic link: what it leads to may
    be another job's, and is neither searched nor changed."""
    for path in out.rglob("*"):
        if path.is_symlink():
            raise InputError(
                f"{path} is a symbolic link: expected files and folders of the job alone, since "
                "what a link leads to is not searched: put there what it leads to, or remove it"
            )


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


@contextmanager
def reading_database(path: Path) -> Iterator[sqlite3.Connection]:
    """The SQLite database at `path`, opened to be read. Raises InputError where it is damaged, and
    passes on that a disk is full."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            yield database
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            raise
        raise InputError(
            f"{path} cannot be read ({error}): expected a whole SQLite database: delete it, or "
            "make it again (`stylefeed export-feed` makes exports/feed.sqlite)"
        ) from error


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
                    texts = [as_text(column)] if name == USERS else _texts(column)
                    found = sum(_matches(text, pattern) for text in texts)
                    counts[name] = counts.get(name, 0) + found
    except (pa.ArrowException, OSError) as error:
        raise storage.read_error(path, error) from error
    return counts


def _user_batches(path: Path) -> Iterator[pa.Array]:
    """The column of shoppers of a Parquet file as text, part by part; nothing where it has none."""
    file = pq.ParquetFile(path)
    if USERS in file.schema_arrow.names:
        for batch in file.iter_batches(columns=[USERS]):
            yield as_text(batch.column(0))


def as_text(column: pa.Array) -> pa.Array:
    """A column of ids as text; raw logs have whole numbers."""
    kind = column.type
    if pa.types.is_floating(kind):
        # 7.0 is the id 7: a column with gaps that passed through pandas.
        column = column.cast(pa.int64(), safe=False)
    return column.cast(pa.string())


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
        header, *rows = read_csv(path) or [[]]
        for row in rows:
            # What is beyond the header's columns is a value all the same.
            names = [*header, *([""] * len(row))]
            yield from zip(names, row, strict=False)
    elif path.suffix == ".json":
        yield from _json_texts(find_value(path.read_bytes()), "")
    elif path.suffix == ".jsonl":
        for line in path.read_bytes().splitlines():
            # A line may be cut short by a kill: its bytes are searched.
            yield from _json_texts(find_value(line), "")
    elif path.suffix in PAGES:
        yield "text", html.unescape(path.read_text(encoding="utf-8", errors="replace"))
    elif path.suffix == ".npz":
        yield from _array_texts(path)
    elif is_sqlite(path):
        with reading_database(path) as database:
            for table, column in list(sqlite_columns(database)):
                name = column.strip('"')
                for (value,) in database.execute(f"SELECT {column} FROM {table}"):
                    text = value.decode(errors="replace") if isinstance(value, bytes) else value
                    if isinstance(text, str) or (name == USERS and text is not None):
                        yield name, str(text)


def read_csv(path: Path) -> list[list[str]]:
    """The rows of a CSV file, its header first; bytes that are no UTF-8 are kept as surrogates."""
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        try:
            return list(csv.reader(stream))
        except csv.Error as error:
            raise storage.read_error(path, error) from error


def find_value(text: bytes) -> Any:
    """The JSON value of `text`; None where there is none, or it is torn."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _json_texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) or (key == USERS and type(value) is int):
        yield key, str(value)
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
