"""Files of a job: atomic writes, hashes and tables."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from pipelines.input_tables import read_input_table as read_input_table
from pipelines.input_tables import table_files


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed onto it when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes private files; an artefact is as readable as any file of its folder.
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as sorted, indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file written by `write_json`."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_table(
    path: Path, table: pd.DataFrame, types: Mapping[str, pa.DataType] | None = None
) -> None:
    """Write `table` as Parquet or CSV, by the path's suffix, whole or not at all.

    `types` are those of Parquet columns that their values alone do not settle.
    """
    with replacing(path) as temporary:
        if path.suffix == ".csv":
            table.to_csv(temporary, index=False)
        else:
            schema = pa.Schema.from_pandas(table, preserve_index=False)
            for name, kind in (types or {}).items():
                schema = schema.set(schema.get_field_index(name), pa.field(name, kind))
            table.to_parquet(temporary, index=False, compression="zstd", schema=schema)


def digest_bytes(*parts: bytes) -> str:
    """Hex BLAKE2b-128 of `parts`, each kept apart by its length."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()


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
