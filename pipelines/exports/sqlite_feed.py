"""The feed as one SQLite file: a row per shopper, opened read-only, replaced whole."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from features.schema import InputError
from pipelines.exports.contract import FORMAT, About, Entry
from pipelines.stores import storage
from pipelines.verbosity import warn

if TYPE_CHECKING:
    from pipelines.exports.answers import Answers

FILE: Final = "exports/feed.sqlite"
_MAPPED_BYTES: Final = 1 << 40
_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE feed (user_id TEXT PRIMARY KEY, entry BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE about (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
BEGIN;
"""
_REDO: Final = "make one with `stylefeed export-feed`"
_FIND: Final = "SELECT entry FROM feed WHERE user_id = ?"


def write_sqlite(path: Path, answers: Answers, source: str) -> About:
    """Write `answers`, made from the version with the digest `source`; returns what was written.

    The file is written beside `path` and renamed when it is on the disk. The same answers give the
    same bytes. Raises StorageError where it cannot be written.
    """
    with (
        storage.replace_file(path) as temporary,
        closing(sqlite3.connect(temporary, isolation_level=None)) as connection,
    ):
        connection.executescript(_SCHEMA)
        rows = ((user, entry.pack()) for user, entry in answers.entries())
        connection.executemany("INSERT INTO feed VALUES (?, ?)", rows)
        about = answers.about(source)
        facts = [
            ("about", json.dumps(dataclasses.asdict(about), sort_keys=True).encode()),
            ("unknown", answers.unknown().pack()),
        ]
        connection.executemany("INSERT INTO about VALUES (?, ?)", facts)
        connection.execute("COMMIT")
    return about


class SqliteFeed:
    """Reads an export; the next look-up after the file was replaced reads the new one.

    Every look-up is answered from one file. A file that is gone or damaged is not taken: the one
    that is open goes on. Raises InputError when the first cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        """Open the export at `path`."""
        self._path = path
        self._seen = _identity(path)
        self._open()

    async def about(self) -> About:
        """What the export that is read now holds."""
        self._follow()
        return self._about

    async def find(self, user_id: str) -> Entry | None:
        """The entry of a shopper; None for one whom the feed does not know."""
        self._follow()
        try:
            row = self._connection.execute(_FIND, (user_id,)).fetchone()
        except sqlite3.Error as error:
            raise _unreadable(self._path, error) from error
        return None if row is None else Entry.unpack(row[0])

    async def unknown(self) -> Entry:
        """The entry for a shopper whom the feed does not know."""
        return self._unknown

    async def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _follow(self) -> None:
        found = _identity(self._path)
        if found == self._seen or found is None:
            return
        self._seen = found
        old = self._connection
        try:
            self._open()
        except InputError as error:
            warn(f"{error}; the feed that was read before goes on")
            return
        old.close()

    def _open(self) -> None:
        about, unknown, connection = _open(self._path)
        self._about, self._unknown, self._connection = about, unknown, connection


def read_about(path: Path) -> About:
    """What the export at `path` holds. Raises InputError where it is none, or an old one."""
    about, _, connection = _open(path)
    connection.close()
    return about


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _open(path: Path) -> tuple[About, Entry, sqlite3.Connection]:
    if not path.is_file():
        raise InputError(f"no export at {path}: {_REDO}")
    # Immutable: a file is never changed, only replaced, so no locks are needed.
    place = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(place, uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error
    try:
        connection.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
        facts = dict(connection.execute("SELECT name, value FROM about"))
        found = json.loads(facts["about"])
        if found.get("format") != FORMAT:
            raise InputError(
                f"the export at {path} has format {found.get('format')!r}, "
                f"expected {FORMAT}: {_REDO}"
            )
        return About(**found), Entry.unpack(facts["unknown"]), connection
    except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
        connection.close()
        raise _unreadable(path, error) from error
    except InputError:
        connection.close()
        raise


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"the export at {path} cannot be read ({error}): {_REDO}")
