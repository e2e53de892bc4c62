"""One more look in a shop's table of looks: the picture first, then the row."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Final

import pandas as pd

from features.schema import InputError
from features.tables import validate_styles
from features.text_files import encoding_of, text_form
from pipelines.campaigns.names import readable
from pipelines.stores import storage
from pipelines.stores.picture_files import picture_root

FOLDER: Final = "challenge"


def add_look(
    styles_path: Path, name: str, tags: str, png: bytes, pictures: Path | None = None
) -> str:
    """Add a look to the table `styles_path`, CSV or Parquet; returns its style_id.

    Its picture is written to `challenge/`, in the folder that the table's paths start from. Rows
    and columns that are there stay as they are. A look of the same picture is not added twice.
    Raises InputError on a table that has no such columns, is a folder, or is compressed.
    """
    if not styles_path.is_file():
        raise InputError(f"{styles_path} is no file: give the table of looks, CSV or Parquet")
    raw = storage.read_input_table(styles_path, "styles")
    missing = [one for one in ("style_id", "name", "image_path") if one not in raw.columns]
    if missing:
        raise InputError(
            f"{styles_path} has no column {', '.join(missing)}: expected style_id, name and "
            f"image_path, got {', '.join(map(str, raw.columns))}"
        )
    styles, _ = validate_styles(raw)
    digest = storage.digest_content(png)[:8]
    style_id = f"{readable(name).lower() or 'look'}-{digest}"
    if style_id in set(styles["style_id"]):
        return style_id
    path = f"{FOLDER}/{style_id}.png"
    root = picture_root(styles["image_path"], styles_path.parent, pictures)
    storage.write_bytes(root / path, png)
    row = {"style_id": style_id, "name": name, "image_path": path, "tags": tags}
    if styles_path.suffix == ".parquet":
        table = pd.read_parquet(styles_path)
        added = pd.DataFrame([row])[[one for one in row if one in table.columns]]
        storage.write_table(styles_path, pd.concat([table, added], ignore_index=True))
    else:
        _append_line(styles_path, row)
    return style_id


def _append_line(path: Path, row: dict[str, str]) -> None:
    """Append a row to a text table in its own form; what is there stays byte for byte."""
    data = path.read_bytes()
    if data.startswith((b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")):
        raise InputError(f"{path} is compressed: unpack it, then add the look")
    form = text_form(path, "styles")
    if form.row_names:
        raise InputError(f"{path} numbers its rows: save it without row names")
    encoding = encoding_of(path).removesuffix("-sig")
    if encoding.startswith("utf-16"):
        raise InputError(f"{path} is written in UTF-16: save it as UTF-8, then add the look")
    line = io.StringIO()
    ends = "\r\n" if b"\r\n" in data else "\n"
    writer = csv.writer(line, delimiter=form.separator, lineterminator=ends)
    writer.writerow([row.get(name, "") for name in form.columns])
    try:
        added = line.getvalue().encode(encoding)
    except UnicodeEncodeError:
        raise InputError(f"{path} is written in {encoding}, which cannot hold that name") from None
    whole = data if data.endswith(b"\n") else data + ends.encode()
    storage.write_bytes(path, whole + added)
