"""The user's tables: Parquet or text, one file or a folder of parts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.schema import InputError, SchemaError
from features.text_files import read_text_table

_EXPECTED: Final = "expected a .parquet or .csv table, or a folder of them"
_OTHERS: Final = (".xlsx", ".xls", ".json", ".jsonl", ".feather", ".orc", ".avro", ".db", ".sqlite")


def read_input_table(path: Path, what: str) -> pd.DataFrame:
    """Read a user's table: Parquet, or text parted by commas, semicolons, tabs or bars.

    Text may be compressed (gzip, zip, bzip2, xz) and in UTF-8, UTF-16 or Windows-1252, and is read
    as text throughout, so `007` stays `007`. A folder is read as one table of its files in the
    order of their names; `day=2026-01-01` in a path is a column `day`. A saved pandas index is a
    column. Row numbers are those of the file. Raises InputError when there is nothing at `path`,
    or a table of another format, SchemaError when it cannot be read.
    """
    if path.is_dir():
        return _read_folder(path, what)
    if not path.is_file():
        raise InputError(f"{what}: no file at {path}; {_EXPECTED}")
    return _read_file(path, what)


def table_files(path: Path) -> list[Path]:
    """The files of the table at `path`: itself, or those of a folder in the order of their names.

    Names that begin with `.` or `_` are not part of it (`_SUCCESS`, `.crc`).
    """
    if not path.is_dir():
        return [path]
    found = [part for part in path.rglob("*") if part.is_file()]
    hidden = (".", "_")
    return sorted(
        part
        for part in found
        if not any(name.startswith(hidden) for name in part.relative_to(path).parts)
    )


def _read_folder(folder: Path, what: str) -> pd.DataFrame:
    parts = table_files(folder)
    if not parts:
        raise InputError(f"{what}: no file in the folder {folder}; {_EXPECTED}")
    tables = []
    for part in parts:
        table = _read_file(part, what)
        for name in part.relative_to(folder).parts[:-1]:
            key, sign, value = name.partition("=")
            if sign and key not in table.columns:
                table[key] = value if value != "__HIVE_DEFAULT_PARTITION__" else None
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _read_file(path: Path, what: str) -> pd.DataFrame:
    with path.open("rb") as stream:
        is_parquet = stream.read(4) == b"PAR1"
    if is_parquet or path.suffix.lower() in (".parquet", ".pq"):
        return _read_parquet(path, what)
    if path.suffix.lower() in _OTHERS:
        raise InputError(f"{what}: {path} ends in {path.suffix!r}; {_EXPECTED}")
    return read_text_table(path, what)


def _read_parquet(path: Path, what: str) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pq.ParquetFile(path).read().to_pandas(date_as_object=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SchemaError(
            f"{what}: {path} cannot be read as parquet: {first_line}; "
            "write it again with pandas or check that the copy is complete"
        ) from error
    named = [name for name in table.index.names if name is not None]
    return table.reset_index(drop=not named)
