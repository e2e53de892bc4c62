"""What every adapter gives back, and how it reads the files of its layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from features.contracts.layout import ITEM_COLUMNS
from features.contracts.nothing import WORDS, empty_words
from features.ids import IdMap
from features.schema import InputError, SchemaError
from features.tables import check_events
from features.text_files import read_text_chunks, text_form


class Tables(NamedTuple):
    """A public data set in canonical form.

    `events` is valid; `items` has the canonical columns, `image_path` '' where the source has no
    pictures (such a catalogue can be learned from but not rendered). `set_aside` counts the
    source's rows that were left out, by reason, and the values that were.
    """

    events: pd.DataFrame
    items: pd.DataFrame
    set_aside: dict[str, int]


def find(folder: Path, *names: str) -> Path:
    """The first of `names` (relative paths) that exists in `folder`, or `folder` if it is a file.

    Raises InputError that says where was looked and for what.
    """
    if folder.is_file():
        return folder
    for name in names:
        if (folder / name).is_file():
            return folder / name
    found = sorted(path.name for path in folder.glob("*"))[:8] if folder.is_dir() else []
    raise InputError(
        f"{folder}: none of {', '.join(names)} is there: found {', '.join(found) or 'nothing'}; "
        "expected the folder the data set is unpacked into: check the path"
    )


def read_columns(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """Read the named columns of a text table, all as text, renamed to the values.

    Ids keep their leading zeros; an empty cell is null. Any usual separator, encoding and
    compression is read. Raises SchemaError for a missing column.
    """
    return pd.concat(read_chunks(path, columns), ignore_index=True)


def read_chunks(
    path: Path, columns: Mapping[str, str], rows: int = 2_000_000
) -> Iterator[pd.DataFrame]:
    """As `read_columns`, but at most `rows` rows at a time, for files larger than memory."""
    found = text_form(path, path.name).columns
    missing = [name for name in columns if name not in found]
    if missing:
        raise SchemaError(
            f"{path.name}: column {missing[0]!r} is missing: found {', '.join(found[:12])}; "
            f"expected {', '.join(columns)}: is this the right file of the data set?"
        )
    for chunk in read_text_chunks(path, path.name, columns, rows):
        yield chunk[list(columns)].rename(columns=dict(columns))


def catalogue(items: pd.DataFrame) -> pd.DataFrame:
    """Items in canonical columns and dtypes, one per `item_id`, sorted by it.

    `items` has `item_id` str and any of the other canonical columns.
    """
    table = pd.DataFrame({"item_id": items["item_id"].astype("str")})
    for column in ITEM_COLUMNS[1:]:
        values = items[column.name] if column.name in items.columns else None
        if column.kind == "number":
            table[column.name] = float("nan") if values is None else values.astype("float64")
        elif column.kind == "flag":
            table[column.name] = True if values is None else values.fillna(True).astype(bool)
        elif column.name in ("mask_path", "video_path"):
            table[column.name] = pd.Series([None] * len(table), index=table.index, dtype="str")
        else:
            text = pd.Series("", index=table.index, dtype="str") if values is None else values
            table[column.name] = empty_words(text.astype("str"), WORDS).fillna("")
    return table.drop_duplicates("item_id").sort_values("item_id", ignore_index=True)


def finish(events: pd.DataFrame, items: pd.DataFrame, set_aside: Mapping[str, int]) -> Tables:
    """Bring both tables to canonical form, and count by reason what did not pass."""
    items = catalogue(items)
    checked = check_events(events, IdMap(items["item_id"].tolist()))
    counts = dict(set_aside)
    for part in (checked.rejects, checked.value_rejects):
        for reason, count in part["reason"].value_counts().items():
            counts[str(reason)] = counts.get(str(reason), 0) + int(count)
    return Tables(checked.table, items, {reason: n for reason, n in counts.items() if n})
