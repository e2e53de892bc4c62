"""Every clip ever shown in a look in a folder: files named by their content, each with its record.

The store only adds. `clips.parquet` names what one job shows of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from pipelines.stores import storage

TABLE: Final = "clips.parquet"
FOLDER: Final = "clips"
State = Literal["made", "refused", "unreadable", "failed", "left"]
"""What became of a clip in a look: a file, not to be shown, damaged, given up as its worker died or
hung, or not begun in time."""
CLIP_COLUMNS: Final = {
    "clip_key": "str",
    "item_id": "str",
    "style_id": "str",
    "strength": "float64",
    "served_strength": "float64",
    "state": "str",
    "video_uri": "str",
    "frames": "float64",
    "out_of_budget": "float64",
    "mask_confidence": "float64",
    "delta_e": "float64",
    "delta_e_p99": "float64",
    "ssim": "float64",
    "reason": "str",
    "video_digest": "str",
}

Row = dict[str, Any]


def clips_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The `rows` as `clips.parquet` holds them."""
    table = pd.DataFrame(list(rows), columns=list(CLIP_COLUMNS))
    return table.astype(CLIP_COLUMNS)


def clip_uri(key: str, suffix: str) -> str:
    """Where the clip of a key is, relative to the job's folder."""
    return f"{FOLDER}/{key[:2]}/{key}{suffix}"


def keep_record(root: Path, row: Row) -> None:
    """Keep what became of a clip, beside its file, which is there already."""
    storage.write_json(root / clip_uri(row["clip_key"], ".json"), row)


def find_record(root: Path, key: str) -> Row | None:
    """What became of the clip of `key`; None where nobody tried, or its file is not as written."""
    row = storage.find_json(root / clip_uri(key, ".json"))
    if row is None or set(row) != set(CLIP_COLUMNS) or row["clip_key"] != key:
        return None
    if row["video_uri"] is None:
        return row
    try:
        whole = storage.digest_file(root / row["video_uri"]) == row["video_digest"]
    except OSError:
        return None
    return row if whole else None


def made_clips(root: Path) -> Iterator[tuple[str, str]]:
    """(uri of the clip, name of its record) of every clip that was made, by key."""
    for path in sorted((root / FOLDER).glob("*/*.json")):
        record = path.relative_to(root).as_posix()
        uri = (storage.find_json(path) or {}).get("video_uri")
        if isinstance(uri, str) and f"{uri.rpartition('.')[0]}.json" == record:
            yield uri, record
