"""Files of a job: atomic writes, hashes and tables."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.schema import InputError, StorageError, StylefeedError
from pipelines.stores.input_tables import read_input_table as read_input_table
from pipelines.stores.input_tables import table_files

WRITING = ".writing-"
"""How the names of temporary files begin: one that is found when a job starts is a leftover."""

_ADVICE = {
    errno.ENOSPC: "free some space, then run the same command again",
    errno.EDQUOT: "free some of the quota, then run the same command again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f), then run it again",
    errno.EROFS: "make it writable, or give another folder",
    errno.EACCES: "make it writable, or give another folder",
    errno.EPERM: "make it writable, or give another folder",
    errno.ENOTDIR: "a file is where a folder is needed: give another folder",
    errno.EEXIST: "a file is where a folder is needed: give another folder",
    errno.EISDIR: "a folder is where a file is needed: move it away, or give another folder",
    errno.ENAMETOOLONG: "give a folder with a shorter path",
}
_OF_SQLITE = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EROFS,
}
_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def write_error(path: Path, error: Exception) -> StorageError:
    """The one line for a failure to write `path`: which file, why, and what to do."""
    code = _error_number(error)
    reason = os.strerror(code) if code else str(error)
    advice = _ADVICE.get(code, "check the disk, then run the same command again")
    return StorageError(f"cannot write {path}: {reason}; {advice}")


def read_error(path: Path, error: Exception) -> InputError:
    """The one line for a file of the job that cannot be read: which, why, and what to do."""
    words = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(f"{path} cannot be read ({words}): run `stylefeed run` there again first")


def _error_number(error: Exception) -> int:
    """The errno of an OSError, or the one that a library's own exception names; 0 for none."""
    if isinstance(error, sqlite3.Error):
        return _OF_SQLITE.get(error.sqlite_errorcode & 0xFF, 0)
    code = getattr(error, "errno", None)
    if isinstance(code, int):
        return code
    named = (n for n in _SPACE if os.strerror(n) in str(error) or f"os error {n})" in str(error))
    return next(named, 0)


def is_write_failure(error: Exception) -> bool:
    """Whether `error`, of whatever library, says that a disk is full or read-only."""
    return _error_number(error) in _SPACE


@contextmanager
def naming_write_errors(path: Path, own: Path | None = None) -> Iterator[None]:
    """Raise StorageError that names `path` where the block fails to write it.

    So does SQLite's failure of a file, a disk or memory. An OSError about a file other than `path`
    and `own`, such as a source that is copied, and what says nothing of the disk pass unchanged.
    """
    try:
        yield
    except StylefeedError:
        raise
    except OSError as error:
        ours = error.filename is None or str(error.filename) in (str(path), str(own))
        if ours or is_write_failure(error):
            raise write_error(path, error) from error
        raise
    except Exception as error:
        if is_write_failure(error) or isinstance(error, sqlite3.OperationalError):
            raise write_error(path, error) from error
        raise


def make_folder(path: Path) -> None:
    """Make `path` and its parents; raises StorageError naming what cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from error


@contextmanager
def replace_file(path: Path, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed onto it when the block ends well.

    Where `durable`, the file and its folder are on the disk when the block has ended, whatever
    happens to the power then. Raises StorageError where it cannot be written.
    """
    make_folder(path.parent)
    with naming_write_errors(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=WRITING, suffix=path.suffix)
        os.close(handle)
    temporary = Path(name)
    try:
        with naming_write_errors(path, temporary):
            yield temporary
            # mkstemp makes private files; an artefact is as readable as any file of its folder.
            temporary.chmod(0o644)
            if durable:
                sync(temporary)
            temporary.replace(path)
            if durable:
                sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot sync a folder; they cannot promise more either.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def require_written(folder: Path) -> None:
    """Wait until the files below `folder` are on the disk; raises OSError where it is full.

    For files that a library wrote: not every one says when a write failed.
    """
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            sync(file)
    if os.statvfs(folder).f_bavail == 0:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def write_bytes(path: Path, data: bytes, durable: bool = True) -> None:
    """Write `data` whole or not at all; `durable` as `replace_file` takes it."""
    with replace_file(path, durable) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as sorted, indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file written by `write_json`."""
    return json.loads(path.read_text(encoding="utf-8"))


def find_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is no file, or it was torn or overwritten."""
    try:
        value = read_json(path)
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def write_table(
    path: Path, table: pd.DataFrame, types: Mapping[str, pa.DataType] | None = None
) -> None:
    """Write `table` as Parquet or CSV, by the path's suffix, whole or not at all.

    `types` are those of Parquet columns that their values alone do not settle.
    """
    with replace_file(path) as temporary:
        if path.suffix == ".csv":
            table.to_csv(temporary, index=False)
        else:
            with GrowingTable(temporary, types) as file:
                file.add(table)


class GrowingTable:
    """A Parquet file written part by part, so that the whole is never in memory."""

    def __init__(self, path: Path, types: Mapping[str, pa.DataType] | None = None) -> None:
        """Write to `path`; `types` as `write_table` takes them."""
        self._path, self._types = path, types or {}
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def add(self, table: pd.DataFrame | pa.Table) -> None:
        """Append rows; the first part settles the types of all."""
        if self._writer is None:
            arrow = isinstance(table, pa.Table)
            schema = table.schema if arrow else pa.Schema.from_pandas(table, preserve_index=False)
            for name, kind in self._types.items():
                schema = schema.set(schema.get_field_index(name), pa.field(name, kind))
            self._writer = pq.ParquetWriter(self._path, schema, compression="zstd")
        schema = self._writer.schema
        if isinstance(table, pd.DataFrame):
            table = pa.Table.from_pandas(table, schema, preserve_index=False)
        self._writer.write_table(table)

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


def digest_bytes(*parts: bytes) -> str:
    """Hex BLAKE2b-128 of `parts`, each kept apart by its length."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()


def digest_content(data: bytes) -> str:
    """Hex BLAKE2b-128 of `data`, as `digest_file` of a file that holds it."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def digest_file(path: Path) -> str:
    """Hex BLAKE2b-128 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def digest_input(path: Path) -> str:
    """Hex BLAKE2b-128 of an input table: of a file's bytes, or of a folder's names and bytes."""
    if not path.is_dir():
        return digest_file(path)
    files = {part.relative_to(path).as_posix(): digest_file(part) for part in table_files(path)}
    return digest_json(files)


def digest_json(value: Mapping[str, Any]) -> str:
    """Hex BLAKE2b-128 of a JSON-able mapping, whatever the order of its keys."""
    return digest_bytes(json.dumps(value, sort_keys=True, default=str).encode())
