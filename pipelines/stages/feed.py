"""Chosen rows and renders in; the feed files out. A row whose render failed keeps the original."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from features.schema import ORIGINAL, InputError
from pipelines.config import RunConfig
from pipelines.stores import storage
from pipelines.stores.feed_versions import point_to, write_version
from pipelines.stores.workspace import StageFolder

BUCKETS = 16
FIGURES = ["mask_confidence", "delta_e", "ssim", "edge_f1", "identity_rank", "arrival"]
SERVED = ["render_key", "image_uri", "served_mode", "served_strength", "reason", *FIGURES]
FIDELITY_TYPE = pa.struct([("mode", pa.string()), *((name, pa.float64()) for name in FIGURES)])
FEED_COLUMNS = [
    "user_id", "rank", "item_id", "score", "probability", "item_propensity", "style_id",
    "style_drawn", "style_propensity", "strength", "image_uri", "original_uri", "render_key",
    "fidelity", "reason", "render_note", "run_id",
]  # fmt: skip


def feed_rows(
    chosen: pd.DataFrame, renders: pd.DataFrame, original_uri: pd.Series, run_id: str
) -> tuple[pd.DataFrame, int]:
    """Join each chosen row with its picture; returns (feed, how many fell back to the original).

    `original_uri` maps item_id to the original's path. `style_drawn` is the look that was drawn,
    with probability `style_propensity`, and `style_id` the one served: a row whose render is
    missing, or was refused for the product's sake, shows the original photo, and `render_note` says
    why. `reason` is for the shopper: why the item, and why the look that is shown. `strength` is
    the one served.
    """
    keys = ["item_id", "style_id", "strength"]
    feed = chosen.merge(
        renders[[*keys, *SERVED]].rename(columns={"reason": "render_note"}), on=keys, how="left"
    )
    feed["original_uri"] = feed["item_id"].map(original_uri)
    feed["style_drawn"] = feed["style_id"]
    plain = feed["style_id"] == ORIGINAL
    failed = ~plain & feed["image_uri"].isna()
    shown_plain = plain | failed
    feed["fidelity"] = pd.Series(_fidelity(feed, shown_plain), dtype=object, index=feed.index)
    note = feed["render_note"].fillna("").where(~plain, "")
    feed["render_note"] = note.mask(failed & (note == ""), "its render failed")
    why = feed["look_reason"].where(~shown_plain, "")
    feed["reason"] = feed["reason"].mask(why != "", feed["reason"] + ", " + why)
    feed["strength"] = feed["served_strength"].mask(shown_plain, 0.0)
    feed["image_uri"] = feed["image_uri"].mask(shown_plain, feed["original_uri"])
    feed["style_id"] = feed["style_id"].mask(failed, ORIGINAL)
    feed["run_id"] = run_id
    return feed[FEED_COLUMNS], int(failed.sum())


def _fidelity(feed: pd.DataFrame, shown_plain: pd.Series) -> list[dict[str, Any]]:
    """Per row the mode served and the figures measured."""
    figures = feed[FIGURES].astype("float64").to_dict("records")
    unknown = dict.fromkeys(FIGURES)
    return [
        {"mode": ORIGINAL, **unknown}
        if plain
        else {
            "mode": mode,
            **{name: None if np.isnan(row[name]) else row[name] for name in FIGURES},
        }
        for plain, mode, row in zip(shown_plain, feed["served_mode"], figures, strict=True)
    ]


def user_bucket(user_ids: pd.Series) -> np.ndarray[Any, Any]:
    """The feed file each shopper is in: CRC-32 of the id modulo `BUCKETS`."""
    return np.array([zlib.crc32(user.encode()) % BUCKETS for user in user_ids], dtype=np.int64)


def _copy_originals(folder: StageFolder, items: pd.DataFrame) -> pd.Series:
    """Put the original of each item into `originals/`, so that the job's folder can be moved."""
    uris = {}
    columns = ["item_id", "path", "picture_digest", "suffix"]
    for item, path, digest, suffix in items[columns].itertuples(index=False):
        # Never the suffix in the catalogue: a picture named .html would be served as a page.
        uri = f"originals/{digest[:2]}/{digest}.{suffix}"
        target = folder.path(uri)
        if not _holds(target, digest):
            with storage.replace_file(target, durable=False) as temporary:
                try:
                    shutil.copyfile(path, temporary)
                except FileNotFoundError:
                    temporary.unlink(missing_ok=True)
                if not _holds(temporary, digest):
                    raise InputError(
                        f"picture {path} of item {item!r} was changed or removed since it was "
                        "encoded: run the same command again"
                    )
        uris[item] = uri
    return pd.Series(uris, dtype="str")


def _holds(path: Path, digest: str) -> bool:
    """Whether the file is there and is the picture that was encoded."""
    try:
        return storage.digest_bytes(path.read_bytes()) == digest
    except OSError:
        return False


def feed(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Write `feed/<run_id>/`, of `bucket-NN.parquet` and `_feed.jsonl`, and make it current."""
    chosen = folder.read("tables/chosen.parquet")
    items = folder.read("tables/item_pictures.parquet")
    served = items[items["item_id"].isin(chosen["item_id"])]
    originals = _copy_originals(folder, served)
    rows, failed = feed_rows(chosen, folder.read("renders.parquet"), originals, folder.run_id)

    def write(version: Path) -> None:
        _write_buckets(version, rows)

    name, files = write_version(folder.root, folder.run_id, folder.key, write)
    point_to(folder.root, name)
    folder.keep([*files, *originals])
    return {
        "rows": len(rows),
        "users": int(rows["user_id"].nunique()),
        "restyled": int((rows["style_id"] != ORIGINAL).sum()),
        "all_plain_users": int((rows["style_id"] == ORIGINAL).groupby(rows["user_id"]).all().sum()),
        "fell_back_to_original": failed,
    }


def _write_buckets(version: Path, rows: pd.DataFrame) -> None:
    buckets = user_bucket(rows["user_id"])
    # A bucket without a figure would else have a column of another type than its neighbours.
    types = {"fidelity": FIDELITY_TYPE}
    for bucket in range(BUCKETS):
        path = version / f"bucket-{bucket:02}.parquet"
        storage.write_table(path, rows[buckets == bucket], types)
    # The underscore hides it from readers that take the folder for one Parquet data set.
    rows.to_json(version / "_feed.jsonl", orient="records", lines=True, force_ascii=False)
