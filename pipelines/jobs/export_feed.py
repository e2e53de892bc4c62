"""Exports the current feed of a job to a key-value store."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from features.schema import InputError
from pipelines.exports.answers import Answers, digest_version
from pipelines.exports.contract import About, answer_schema
from pipelines.exports.sqlite_feed import FILE, read_about, write_sqlite
from pipelines.stores import storage
from pipelines.stores.feed_versions import current_version
from pipelines.stores.folder_lock import hold_folder

SCHEMA_FILE: Final = "exports/feed.schema.json"
DELTA: Final = "delta:"
"""What an address of a Delta Lake table begins with."""


def export_feed(out: Path, redis_url: str | None = None) -> dict[str, Any]:
    """Export the current feed of the job in `out`, whole, and then make the export current.

    To `exports/feed.sqlite` there, or to the Redis server at `redis_url`;
    `exports/feed.schema.json` says what an answer holds. Returns `version`, `users`, `rows`, where
    it is (`to`) and whether anything had to be done (`worked`). Raises InputError where there is no
    feed, another job works in `out` or the server fails, StorageError where the file cannot be
    written.
    """
    current_version(out)
    with hold_folder(out):
        folder = current_version(out)
        source, path = digest_version(folder), out / FILE
        if redis_url is None:
            found = _find_sqlite(path)
        else:
            from pipelines.exports import redis_feed

            found = redis_feed.read_about(redis_url)
        worked = found is None or (found.version, found.source) != (folder.name, source)
        if worked:
            answers = Answers(folder)
            if redis_url is None:
                found = write_sqlite(path, answers, source)
            else:
                found = redis_feed.write_redis(redis_url, answers, source)
        if storage.find_json(out / SCHEMA_FILE) != answer_schema():
            storage.write_json(out / SCHEMA_FILE, answer_schema())
    assert found is not None
    return {
        "version": found.version,
        "users": found.users,
        "rows": found.rows,
        "to": FILE if redis_url is None else "redis",
        "worked": worked,
    }


def copy_feed(out: Path, url: str) -> dict[str, Any]:
    """Copy the versions of the job in `out` and their pictures to the object store at `url`.

    Returns and raises as `write_objects`; InputError too where there is no feed, or another job
    works in `out`.
    """
    current_version(out)
    from pipelines.exports.object_feed import write_objects

    with hold_folder(out):
        current_version(out)
        return {**write_objects(url, out), "to": url}


def commit_feed(out: Path, address: str) -> dict[str, Any]:
    """Make the current feed of the job in `out` the latest commit of the Delta table at `address`.

    Returns and raises as `write_delta`; InputError too where there is no feed, another job works
    in `out`, or the table would lie in `out`, where `stylefeed forget` does not rewrite it, or in a
    folder that holds anything else.
    """
    current_version(out)
    from pipelines.exports.delta_feed import write_delta

    folder = _local_folder(address)
    if folder is not None and folder.resolve().is_relative_to(out.resolve()):
        raise InputError(
            f"{DELTA}{address} is in the job's folder {out}, where forget could not take a shopper "
            "out of its history: give another folder"
        )
    if folder is not None and folder.is_dir() and _holds_no_table(folder):
        raise InputError(
            f"{DELTA}{address} holds files and no Delta Lake table: expected a table, an empty "
            "folder or a new one"
        )
    with hold_folder(out):
        return {**write_delta(address, current_version(out)), "to": f"{DELTA}{address}"}


def _local_folder(address: str) -> Path | None:
    """The folder that an address names; None for an object store."""
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return None if "://" in address else Path(address)


def _holds_no_table(folder: Path) -> bool:
    try:
        return any(folder.iterdir()) and not (folder / "_delta_log").is_dir()
    except OSError:
        return False  # Not to be read: said as whatever else keeps a table from being written.


def _find_sqlite(path: Path) -> About | None:
    try:
        return read_about(path)
    except InputError:
        return None
