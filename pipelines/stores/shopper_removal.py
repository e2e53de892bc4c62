"""Takes shoppers out of the files of a job's folder; what is about others stays as it is."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.stores import storage
from pipelines.stores.shopper_search import (
    PAGES,
    USERS,
    as_text,
    find_value,
    folder_files,
    is_sqlite,
    read_csv,
    reading_database,
    search_values,
    sqlite_columns,
)

_RAW: Final = "tables/raw"
_PAGES: Final = ("report.html", "ab/*.html")
_OF_USERS: Final = ("user", "shopper")
_RECORDS: Final = "stages"


@dataclass
class Removal:
    """`rows` taken out of each file, and the files `deleted` whole, by paths in the folder."""

    rows: dict[str, int] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)


def remove_shoppers(out: Path, names: list[str]) -> Removal:
    """Take all that is said of the shoppers `names` out of the files below `out`.

    Their rows leave tables, feeds, lists of rejects and databases. A model that knows them, the
    pages of the job, other pages that name them and what a killed run left of the raw log are
    deleted whole, with the record of the stage that made them, so that the next run makes them
    again. Records and the manifest are brought to the files' new digests.
    """
    removal = Removal()
    pages = {path for pattern in _PAGES for path in out.glob(pattern)}
    pages |= {
        path for path in folder_files(out) if path.suffix in PAGES and _names_any(path, names)
    }
    _delete(out, [*sorted(pages), *folder_files(out / _RAW)], removal)
    _remove_models(out, names, removal)
    for path in folder_files(out):
        file = path.relative_to(out).as_posix()
        rows = _remove_rows(path, names)
        if rows:
            removal.rows[file] = rows
    _correct_records(out, removal)
    return removal


def _remove_rows(path: Path, names: list[str]) -> int:
    """Take the rows of the shoppers out of one file; returns how many."""
    if path.suffix == ".parquet":
        return _from_parquet(path, names)
    if path.suffix == ".csv":
        return _from_csv(path, names)
    if path.suffix == ".jsonl":
        return _from_lines(path, names)
    if path.suffix == ".json":
        return _from_json(path, names)
    return _from_sqlite(path, names) if is_sqlite(path) else 0


def _from_parquet(path: Path, names: list[str]) -> int:
    schema = pq.read_schema(path)
    if USERS not in schema.names:
        return 0
    wanted = pa.array(names, pa.string())
    users = as_text(pq.read_table(path, columns=[USERS]).column(USERS))
    theirs = pc.is_in(users, value_set=wanted)
    count = int(pc.sum(theirs).as_py() or 0)
    if count:
        kept = pq.read_table(path).filter(pc.invert(theirs))
        with storage.replace_file(path) as temporary:
            pq.write_table(kept, temporary, compression="zstd")
    return count


def _from_csv(path: Path, names: list[str]) -> int:
    rows = read_csv(path)
    if not rows:
        return 0
    header = rows[0]
    columns = [at for at, name in enumerate(header) if name in (USERS, "key")]
    table = header.index("table") if "table" in header else None

    def is_theirs(row: list[str]) -> bool:
        of_log = table is None or row[table] == "events"
        return of_log and any(row[at] in names for at in columns)

    kept = [row for row in rows[1:] if not is_theirs(row)]
    count = len(rows) - 1 - len(kept)
    if count:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([header, *kept])
        storage.write_bytes(path, text.getvalue().encode(errors="surrogateescape"))
    return count


def _from_lines(path: Path, names: list[str]) -> int:
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not _is_their_line(line, names)]
    if len(kept) < len(lines):
        storage.write_bytes(path, b"".join(kept))
    return len(lines) - len(kept)


def _is_their_line(line: bytes, names: list[str]) -> bool:
    """Whether a line of JSON is about one of `names`; one that is torn, whether it names any."""
    value = find_value(line)
    if isinstance(value, dict):
        return _is_theirs(value, names, of_users=False)
    written = (part for name in names for part in (name, json.dumps(name)[1:-1]))
    return any(part.encode() in line for part in written)


def _from_json(path: Path, names: list[str]) -> int:
    value = find_value(path.read_bytes())
    if value is None:
        return 0
    kept, count = _without(value, names)
    if count:
        storage.write_json(path, kept)
    return count


def _without(value: Any, names: list[str], of_users: bool = False) -> tuple[Any, int]:
    """A JSON value without the entries of lists of users that are, or are about, `names`, and how
    many these are; `of_users`: whether it is below a key that speaks of users."""
    if isinstance(value, dict):
        below = {
            key: _without(entry, names, of_users or any(word in key for word in _OF_USERS))
            for key, entry in value.items()
        }
        return {key: kept for key, (kept, _) in below.items()}, sum(n for _, n in below.values())
    if not isinstance(value, list):
        return value, 0
    others = [entry for entry in value if not _is_theirs(entry, names, of_users)]
    parts = [_without(entry, names, of_users) for entry in others]
    return [kept for kept, _ in parts], len(value) - len(others) + sum(n for _, n in parts)


def _is_theirs(entry: Any, names: list[str], of_users: bool) -> bool:
    if isinstance(entry, dict):
        return USERS in entry and str(entry[USERS]) in names
    return of_users and isinstance(entry, str) and entry in names


def _from_sqlite(path: Path, names: list[str]) -> int:
    found = search_values(path, names)
    if not any(found.values()):
        return 0
    marks = ", ".join("?" for _ in names)
    count = 0
    with storage.replace_file(path) as temporary:
        temporary.unlink()
        with closing(sqlite3.connect(temporary)) as copy:
            with reading_database(path) as source:
                source.backup(copy)
            for table, column in list(sqlite_columns(copy)):
                if any(word in column for word in _OF_USERS):
                    theirs = f"CAST({column} AS TEXT) IN ({marks})"
                    count += copy.execute(f"DELETE FROM {table} WHERE {theirs}", names).rowcount
            copy.commit()
            # Deleted rows stay in a database's free pages until it is written anew.
            copy.execute("VACUUM")
    for sidecar in ("-wal", "-shm"):
        path.with_name(path.name + sidecar).unlink(missing_ok=True)
    return count


def _delete(out: Path, files: Iterable[Path], removal: Removal) -> None:
    for file in files:
        file.unlink()
        removal.deleted.append(file.relative_to(out).as_posix())


def _remove_models(out: Path, names: list[str], removal: Removal) -> None:
    for model in sorted(path for path in (out / "models").glob("*") if path.is_dir()):
        files = folder_files(model)
        if any(_names_any(file, names) for file in files):
            shutil.rmtree(model)
            removal.deleted += [file.relative_to(out).as_posix() for file in files]


def _names_any(path: Path, names: list[str]) -> bool:
    """Whether a file says one of `names`, even where its bytes may mean another thing."""
    if any(search_values(path, names).values()):
        return True
    data = path.read_bytes()
    return any(name.encode() in data for name in names)


def _correct_records(out: Path, removal: Removal) -> None:
    """Bring the digests in records and manifest to what the files now hold."""
    changed = {file: _described(out / file) for file in removal.rows}
    deleted = set(removal.deleted)
    for path in _records(out):
        record = storage.find_json(path)
        if record is None or not isinstance(record.get("artefacts"), dict):
            continue
        artefacts = record["artefacts"]
        if path.parent.name == _RECORDS and deleted & set(artefacts):
            path.unlink()
            continue
        kept = {
            file: changed.get(file, told) for file, told in artefacts.items() if file not in deleted
        }
        if kept != artefacts:
            storage.write_json(path, {**record, "artefacts": kept})


def _records(out: Path) -> Iterator[Path]:
    yield from sorted((out / _RECORDS).glob("*.json"))
    yield out / "manifest.json"


def _described(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "digest": storage.digest_file(path)}
