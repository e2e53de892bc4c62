"""Chosen rows and renders in; the feed files out. A row whose render failed keeps the original."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.schema import ORIGINAL
from pipelines import storage
from pipelines.config import RunConfig
from pipelines.workspace import Workspace

BUCKETS = 16
FEED_COLUMNS = [
    "user_id", "rank", "item_id", "score", "style_id", "style_propensity", "strength",
    "image_uri", "original_uri", "render_key", "fidelity", "reason", "run_id",
]  # fmt: skip


def feed_rows(
    chosen: pd.DataFrame, renders: pd.DataFrame, original_uri: pd.Series, run_id: str
) -> tuple[pd.DataFrame, int]:
    """Join each chosen row with its picture; returns (feed, how many fell back to the original).

    `original_uri` maps item_id to the original's path. A row whose render is missing shows the
    original photo, says so in its reason, and has no propensity: that choice was never drawn.
    """
    keys = ["item_id", "style_id", "strength"]
    feed = chosen.merge(renders[[*keys, "render_key", "image_uri"]], on=keys, how="left")
    feed["original_uri"] = feed["item_id"].map(original_uri)
    plain = feed["style_id"] == ORIGINAL
    failed = ~plain & feed["image_uri"].isna()
    shown_plain = plain | failed
    feed["image_uri"] = feed["image_uri"].mask(shown_plain, feed["original_uri"])
    feed["style_id"] = feed["style_id"].mask(failed, ORIGINAL)
    feed["strength"] = feed["strength"].mask(shown_plain, 0.0)
    feed["style_propensity"] = feed["style_propensity"].mask(failed, np.nan)
    feed["reason"] = feed["reason"].mask(
        failed, feed["reason"] + "; shown as the original photo because its render failed"
    )
    feed["fidelity"] = np.where(shown_plain, "original", "artistic")
    feed["run_id"] = run_id
    return feed[FEED_COLUMNS], int(failed.sum())


def user_bucket(user_ids: pd.Series) -> np.ndarray[Any, Any]:
    """The feed file each shopper is in: CRC-32 of the id modulo `BUCKETS`."""
    return np.array([zlib.crc32(user.encode()) % BUCKETS for user in user_ids], dtype=np.int64)


def _copy_originals(workspace: Workspace, items: pd.DataFrame) -> pd.Series:
    """Put the original of each item into `originals/`, so that the feed's folder can be moved."""
    uris = {}
    for item, path, digest in items[["item_id", "path", "picture_digest"]].itertuples(index=False):
        uri = f"originals/{digest[:2]}/{digest}{Path(path).suffix.lower()}"
        target = workspace.path(uri)
        if not target.is_file():
            with storage.replacing(target) as temporary:
                shutil.copyfile(path, temporary)
        uris[item] = uri
    return pd.Series(uris, dtype="str")


def feed(workspace: Workspace, config: RunConfig) -> dict[str, Any]:
    """Write `feed/bucket-NN.parquet` and `feed/_feed.jsonl`."""
    chosen = workspace.read("tables/chosen.parquet")
    items = workspace.read("tables/item_pictures.parquet")
    served = items[items["item_id"].isin(chosen["item_id"])]
    run_id = storage.read_json(workspace.path("job.json"))["run_id"]
    rows, failed = feed_rows(
        chosen, workspace.read("renders.parquet"), _copy_originals(workspace, served), run_id
    )
    buckets = user_bucket(rows["user_id"])
    for bucket in range(BUCKETS):
        workspace.write(f"feed/bucket-{bucket:02}.parquet", rows[buckets == bucket])
    # The underscore hides it from readers that take `feed/` for one Parquet data set.
    with storage.replacing(workspace.path("feed/_feed.jsonl")) as temporary:
        rows.to_json(temporary, orient="records", lines=True, force_ascii=False)
    return {
        "rows": len(rows),
        "users": int(rows["user_id"].nunique()),
        "restyled": int((rows["style_id"] != ORIGINAL).sum()),
        "fell_back_to_original": failed,
    }
