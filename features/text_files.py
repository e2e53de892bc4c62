"""Text tables as people export them: compressed or not, in any usual encoding and separator.

Everything is read as text: what a cell means is decided column by column, by `features.contracts`.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import re
import zipfile
import zlib
from codecs import getincrementaldecoder
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

import numpy as np
import pandas as pd

from features.schema import SchemaError

_SEPARATORS: Final = ",;\t|"
_SAMPLE_LINES: Final = 200
_SAMPLE_BYTES: Final = 1 << 20
_SPARE_FIELDS: Final = 3
"""Fields a row may have beyond the header before the whole file is refused."""

_UNREADABLE: Final = (
    *(ValueError, OSError, EOFError, csv.Error, zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)
_DECIMAL_COMMA: Final = r"[-+]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?"


@dataclass(frozen=True)
class TextForm:
    """How a text table is written, told from its beginning and its bytes.

    `columns`: the header's names in their order, repeats included. `skipped`: lines before the
    header. `row_names`: rows begin with a number that the header has no name for, as R writes.
    """

    encoding: str
    separator: str
    columns: tuple[str, ...]
    skipped: int
    row_names: bool


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, plain, gzip, bzip2, xz or zip (one table inside), told by its first bytes."""
    with path.open("rb") as stream:
        head = stream.read(6)
    if head.startswith(b"PK\x03\x04"):
        return _open_zip(path)
    if head.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(path))
    if head.startswith(b"BZh"):
        return cast(IO[bytes], bz2.BZ2File(path))
    return lzma.LZMAFile(path) if head.startswith(b"\xfd7zXZ\x00") else path.open("rb")


def _open_zip(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    names = [
        name
        for name in archive.namelist()
        if not name.endswith("/")
        and not name.rpartition("/")[2].startswith((".", "_"))
        and not name.startswith("__MACOSX")
    ]
    if len(names) != 1:
        raise SchemaError(
            f"{path} holds {len(names)} files ({', '.join(names[:5])}): expected one table: "
            "unpack it, or pack the table alone"
        )
    return archive.open(names[0])


def encoding_of(path: Path) -> str:
    """The encoding of a text file: by its mark, else UTF-8 if every byte fits it, else cp1252."""
    with open_bytes(path) as stream:
        head = stream.read(_SAMPLE_BYTES)
        for mark, name in (
            (b"\xef\xbb\xbf", "utf-8-sig"),
            (b"\xff\xfe", "utf-16"),
            (b"\xfe\xff", "utf-16"),
        ):
            if head.startswith(mark):
                return name
        if len(head) >= 4 and head.count(b"\0") >= len(head) // 4:
            return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        decoder = getincrementaldecoder("utf-8")()
        try:
            while head:
                decoder.decode(head)
                head = stream.read(_SAMPLE_BYTES)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def read_text(path: Path) -> str:
    """The whole of a text file, decoded by `encoding_of`; line ends become `\\n`."""
    encoding = encoding_of(path)
    with open_bytes(path) as stream:
        # Five bytes mean nothing in cp1252; a file that has one is Latin-1.
        data = stream.read()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def text_form(path: Path, what: str) -> TextForm:
    """How the table in `path` is written. Raises SchemaError, headed by `what`, if it is empty."""
    encoding = encoding_of(path)
    with _opened(path, encoding) as stream:
        lines = [line for line in (stream.readline() for _ in range(_SAMPLE_LINES)) if line]
    skipped, separator = 0, ""
    while lines and (not lines[0].strip() or lines[0].lower().startswith("sep=")):
        if lines[0].lower().startswith("sep="):
            separator = lines[0].rstrip("\r\n")[len("sep=") :]
        lines, skipped = lines[1:], skipped + 1
    if not lines:
        raise SchemaError(f"{what}: {path} is empty: expected a header and rows: check the export")
    header = lines[0].rstrip("\r\n")
    separator = separator or max(_SEPARATORS, key=lambda mark: len(_split(header, mark)))
    columns = tuple(name.strip() for name in _split(header, separator))
    rows = [_split(line.rstrip("\r\n"), separator) for line in lines[1:] if line.strip()]
    one_more = [row for row in rows if len(row) == len(columns) + 1]
    row_names = bool(rows) and len(one_more) >= 0.9 * len(rows) and _numbered(one_more)
    return TextForm(encoding, separator, columns, skipped, row_names)


def _numbered(rows: list[list[str]]) -> bool:
    """Whether rows begin with 0, 1, 2 or 1, 2, 3 and do not all end in an empty field."""
    first = [row[0] for row in rows[:3]]
    counts = [[str(i + start) for i in range(len(first))] for start in (0, 1)]
    return first in counts and any(row[-1] for row in rows)


def _split(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _opened(path: Path, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, errors="replace", newline="")


def read_text_table(path: Path, what: str) -> pd.DataFrame:
    """A text table as text, an empty cell null, row numbers those of the file.

    A row of more fields than the header is null throughout: none of its cells can be told. Raises
    SchemaError, headed by `what`, for a file that is no table, or whose rows do not fit its header.
    """
    return next(read_text_chunks(path, what))


def read_text_chunks(
    path: Path, what: str, columns: Collection[str] | None = None, rows: int | None = None
) -> Iterator[pd.DataFrame]:
    """As `read_text_table`, `rows` rows at a time, only the named `columns` (None: all)."""
    try:
        form = text_form(path, what)
        width = len(form.columns)
        names = ["row name"] * form.row_names + [str(i) for i in range(width)]
        wanted = [str(i) for i, c in enumerate(form.columns) if columns is None or c in columns]
        spare = [f"spare {i}" for i in range(_SPARE_FIELDS)]
        with _opened(path, form.encoding) as stream:
            chunks = pd.read_csv(
                stream,
                sep=form.separator,
                names=[*names, *spare],
                header=None,
                skiprows=form.skipped + 1,
                dtype="str",
                index_col=False,
                keep_default_na=False,
                na_values=[""],
                chunksize=rows,
                low_memory=False,
            )
            for chunk in [chunks] if isinstance(chunks, pd.DataFrame) else chunks:
                yield _in_shape(chunk, form, wanted, spare, f"{what}: {path}")
    except pd.errors.EmptyDataError:
        named = [c for c in form.columns if columns is None or c in columns]
        yield pd.DataFrame(columns=named, dtype="str")
    except _UNREADABLE as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        opened = re.search(r"EOF inside string starting at row (\d+)", said)
        mend = "check that the copy is complete"
        if opened:
            row = max(int(opened[1]) - 1, 0)
            said, mend = (
                f"row {row} opens a quotation mark that is never closed",
                "close or delete it",
            )
        raise SchemaError(
            f"{what}: {path} cannot be read as a text table: {said}: {mend}"
        ) from None


def _in_shape(
    chunk: pd.DataFrame, form: TextForm, wanted: list[str], spare: list[str], where: str
) -> pd.DataFrame:
    over = chunk[spare].notna().any(axis=1)
    if over.sum() > len(chunk) / 2:
        raise SchemaError(
            f"{where}: {int(over.sum()):,} of {len(chunk):,} rows have more fields than the "
            f"header, which has {len(form.columns)}: expected as many: quote cells that hold the "
            "separator"
        )
    table = chunk[wanted]
    if over.any():
        table = table.mask(np.broadcast_to(over.to_numpy()[:, None], table.shape))
    if form.separator == ";":
        table = table.apply(_without_decimal_commas)
    return table.set_axis([form.columns[int(name)] for name in wanted], axis=1)


def _without_decimal_commas(values: pd.Series) -> pd.Series:
    """`1.299,50` -> `1299.50` in a column of such numbers: where `;` parts cells, `,` decimals."""
    told = values.dropna()
    if not told.str.contains(",", regex=False).any():
        return values
    if not told.str.fullmatch(_DECIMAL_COMMA).all():
        return values
    return values.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
