"""Every render ever painted in a folder: files named by their content, and what is known of each.

The store only adds. `renders.parquet` names what one job or campaign shows of it, the index all
there is, and the journal what was painted since the index was written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.stores import storage
from pipelines.stores.workspace import Workspace

JOURNAL: Final = "renders/journal.jsonl"
INDEX: Final = "renders/index.parquet"
TABLE: Final = "renders.parquet"
RENDER_COLUMNS = {
    "render_key": "str",
    "item_id": "str",
    "style_id": "str",
    "requested_mode": "str",
    "served_mode": "str",
    "strength": "float64",
    "served_strength": "float64",
    "image_uri": "str",
    "mask_confidence": "float64",
    "delta_e": "float64",
    "delta_e_p95": "float64",
    "ssim": "float64",
    "edge_f1": "float64",
    "silhouette": "float64",
    "silhouette_original": "float64",
    "identity_rank": "float64",
    "text": "float64",
    "arrival": "float64",
    "reason": "str",
    "image_digest": "str",
    "problems": "str",
    "seconds": "float64",
}
KEY: Final = ["render_key", "item_id", "style_id", "strength"]
_READERS = 4


def empty_renders() -> pd.DataFrame:
    """A table of no renders, with the columns of `renders.parquet`."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in RENDER_COLUMNS.items()})


def known_renders(workspace: Workspace) -> pd.DataFrame:
    """What is known of every render that was ever tried here, whether its file is there or not.

    Tables and lines that are torn are passed over: what they told is painted again.
    """
    parts = [empty_renders(), _read(workspace, INDEX), _read(workspace, TABLE), _journal(workspace)]
    known = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    # What a budget left out was never painted: a larger one may have room for it.
    tried = known["requested_mode"].fillna("") != ""
    return known[tried].drop_duplicates(KEY, keep="last", ignore_index=True)


def whole_renders(root: Path, known: pd.DataFrame) -> pd.DataFrame:
    """The rows of `known` whose pictures are there and hold the bytes that were painted.

    A row without a picture, which the gate refused, is whole.
    """

    def whole(row: tuple[Any, Any]) -> bool:
        uri, digest = row
        if pd.isna(uri):
            return True
        try:
            return bool(storage.digest_file(root / uri) == digest)
        except OSError:
            return False

    pairs = list(zip(known["image_uri"], known["image_digest"], strict=True))
    with ThreadPoolExecutor(_READERS) as readers:
        return known[np.array(list(readers.map(whole, pairs)), dtype=bool)]


def add_to_index(workspace: Workspace, renders: pd.DataFrame) -> None:
    """Write the index anew with the rows of `renders` that were tried; the journal is done with."""
    known = pd.concat([known_renders(workspace), renders], ignore_index=True)
    known = known[known["requested_mode"].fillna("") != ""].drop_duplicates(KEY, keep="last")
    write_index(workspace, known)
    workspace.path(JOURNAL).unlink(missing_ok=True)


def write_index(workspace: Workspace, known: pd.DataFrame) -> None:
    """Write the index: `known` by key. Times are left out, so equal stores have equal indexes."""
    workspace.write(INDEX, known.sort_values(KEY, ignore_index=True).drop(columns="seconds"))


def journal_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """The lines of the journal for the rows of one batch."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def _journal(workspace: Workspace) -> pd.DataFrame:
    try:
        lines = workspace.path(JOURNAL).read_bytes().splitlines()
    except OSError:
        return empty_renders()
    rows = []
    for line in lines:
        # A line may be cut short by a kill, or be anything after a power cut.
        with suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and set(row) == set(RENDER_COLUMNS):
                rows.append(row)
    return pd.DataFrame(rows, columns=list(RENDER_COLUMNS)).astype(RENDER_COLUMNS)


def _read(workspace: Workspace, name: str) -> pd.DataFrame:
    try:
        table = workspace.read(name)
        return table.reindex(columns=list(RENDER_COLUMNS)).astype(RENDER_COLUMNS)
    except (OSError, ValueError, TypeError, pa.ArrowException):
        return empty_renders()
