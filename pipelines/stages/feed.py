"""Chosen rows, renders and clips in; the feed files out.

A row whose render failed keeps the original; one whose clip is not there has none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from features.schema import ORIGINAL, InputError
from pipelines.config import RunConfig
from pipelines.stages.clips import ITEM_CLIPS
from pipelines.stores import storage
from pipelines.stores.clip_store import TABLE as CLIPS
from pipelines.stores.event_buckets import (
    FACTS,
    FEWEST_BUCKETS,
    LogFacts,
    bucket_name,
    read_chosen,
    user_chunks,
)
from pipelines.stores.feed_versions import point_to, write_version
from pipelines.stores.workspace import StageFolder

_USERS_AT_ONCE: Final = 20_000
FIGURES = ["mask_confidence", "delta_e", "ssim", "edge_f1", "identity_rank", "arrival"]
SERVED = ["render_key", "image_uri", "served_mode", "served_strength", "reason", *FIGURES]
FIDELITY_TYPE = pa.struct([("mode", pa.string()), *((name, pa.float64()) for name in FIGURES)])
FEED_COLUMNS = [
    "user_id", "rank", "item_id", "score", "probability", "item_propensity", "style_id",
    "style_drawn", "style_propensity", "strength", "image_uri", "original_uri", "video_uri",
    "render_key", "fidelity", "reason", "render_note", "run_id",
]  # fmt: skip


COLUMN_TYPES: Final = {"fidelity": FIDELITY_TYPE, "video_uri": pa.string()}
"""Types of feed columns that the values of a bucket alone do not settle."""
_KEYS: Final = ["item_id", "style_id", "strength"]


class Renders:
    """The table of renders, to look up many times: `find` is as a left join on its keys."""

    def __init__(self, table: pd.DataFrame) -> None:
        """`table`: item_id, style_id, strength, each combination once, and `SERVED`."""
        self._index = pd.MultiIndex.from_frame(table[_KEYS])
        self._served = table[SERVED].reset_index(drop=True)

    def find(self, chosen: pd.DataFrame) -> pd.DataFrame:
        """The `SERVED` columns of each of the `chosen` rows, null where there is no render."""
        place = self._index.get_indexer(pd.MultiIndex.from_frame(chosen[_KEYS]))
        return self._served.reindex(place).reset_index(drop=True)


class Clips:
    """The clips of items: in looks, as filmed, and why some are missing."""

    def __init__(self, table: pd.DataFrame, files: pd.DataFrame, filmed_uri: pd.Series) -> None:
        """`table` is `clips.parquet`; `files` has item_id and, where its clip cannot be read, the
        reason; `filmed_uri` maps item_id to the clip as it was filmed, where a row shows it."""
        self._index = pd.MultiIndex.from_frame(table[_KEYS])
        self._made = table[["video_uri", "reason"]].reset_index(drop=True)
        bad = files.loc[files["reason"].fillna("") != "", ["item_id", "reason"]]
        self._bad = dict(bad.itertuples(index=False, name=None))
        self._filmed = filmed_uri.to_dict()

    def find(self, chosen: pd.DataFrame, shown_plain: pd.Series) -> tuple[pd.Series, pd.Series]:
        """(video_uri, why there is none or '') of each of the `chosen` rows: the clip in the row's
        look, or as filmed where it shows the original; null for items that name none."""
        place = self._index.get_indexer(pd.MultiIndex.from_frame(chosen[_KEYS]))
        made = self._made.reindex(place).astype(object).set_index(chosen.index)
        items = chosen["item_id"].astype(object)
        uri = made["video_uri"].mask(shown_plain, items.map(self._filmed.get))
        why = made["reason"].mask(shown_plain, "").fillna("")
        why = items.map(self._bad.get).fillna(why)
        told = why.mask(why != "", "no clip: " + why.astype(str))
        return uri.mask(why != "").astype("str"), told.astype("str")


NO_CLIPS: Final = Clips(
    pd.DataFrame(columns=[*_KEYS, "video_uri", "reason"], dtype="str"),
    pd.DataFrame(columns=["item_id", "reason"], dtype="str"),
    pd.Series(dtype="str"),
)


def feed_rows(
    chosen: pd.DataFrame,
    renders: Renders,
    original_uri: pd.Series,
    run_id: str,
    clips: Clips = NO_CLIPS,
) -> tuple[pd.DataFrame, int]:
    """Join each chosen row with its picture and its clip; returns (feed, how many fell back to the
    original).

    `original_uri` maps item_id to the original's path. `style_drawn` is the look that was drawn,
    with probability `style_propensity`, and `style_id` the one served: a row whose render is
    missing, or was refused for the product's sake, shows the original photo, and `render_note` says
    why; so it does where a clip is missing. `reason` is for the shopper: why the item, and why the
    look that is shown. `strength` is the one served.
    """
    found = renders.find(chosen).rename(columns={"reason": "render_note"})
    feed = pd.concat([chosen, found], axis=1)
    feed["original_uri"] = feed["item_id"].map(original_uri)
    feed["style_drawn"] = feed["style_id"]
    plain = feed["style_id"] == ORIGINAL
    failed = ~plain & feed["image_uri"].isna()
    shown_plain = plain | failed
    feed["fidelity"] = pd.Series(_fidelity(feed, shown_plain), dtype=object, index=feed.index)
    note = feed["render_note"].fillna("").where(~plain, "")
    note = note.mask(failed & (note == ""), "its render failed")
    feed["video_uri"], no_clip = clips.find(chosen, shown_plain)
    between = pd.Series("; ", index=feed.index).where((note != "") & (no_clip != ""), "")
    feed["render_note"] = note + between + no_clip
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


def _copy_originals(folder: StageFolder, items: pd.DataFrame) -> pd.Series:
    """Put the original of each item into `originals/`, so that the job's folder can be moved."""
    columns = ["item_id", "path", "picture_digest", "suffix"]
    return _copy(folder, items[columns].itertuples(index=False), _digest_picture)


def _copy(
    folder: StageFolder,
    files: Iterable[tuple[str, str, str, str]],
    digest_of: Callable[[Path], str],
) -> pd.Series:
    """Copy (item_id, path, digest, suffix) into `originals/`; item_id to what each is called."""
    uris = {}
    for item, path, digest, suffix in files:
        # Never the suffix in the catalogue: a picture named .html would be served as a page.
        uri = f"originals/{digest[:2]}/{digest}.{suffix}"
        target = folder.path(uri)
        if not _holds(target, digest, digest_of):
            with storage.replace_file(target, durable=False) as temporary:
                try:
                    shutil.copyfile(path, temporary)
                except FileNotFoundError:
                    temporary.unlink(missing_ok=True)
                if not _holds(temporary, digest, digest_of):
                    raise InputError(
                        f"{path} of item {item!r} was changed or removed since it was read: run "
                        "the same command again"
                    )
        uris[item] = uri
    return pd.Series(uris, dtype="str")


def _digest_picture(path: Path) -> str:
    return storage.digest_bytes(path.read_bytes())


def _holds(path: Path, digest: str, digest_of: Callable[[Path], str]) -> bool:
    """Whether the file is there and is the one that was read before."""
    try:
        return digest_of(path) == digest
    except OSError:
        return False


def _read_clips(folder: StageFolder, renders: Renders) -> tuple[Clips, list[str]]:
    """The clips of the job, and the names of those that are copied as filmed: of items that a row
    shows as photographed."""
    files = folder.read(ITEM_CLIPS)
    sound = files[files["path"].notna()]
    plain: set[str] = set()
    facts = LogFacts.load(folder.path(FACTS))
    for bucket in range(facts.buckets if len(sound) else 0):
        chosen = read_chosen(folder, bucket, _KEYS)
        if chosen is not None:
            mine = chosen[chosen["item_id"].isin(sound["item_id"])].drop_duplicates()
            in_look = renders.find(mine)["image_uri"].notna().to_numpy()
            plain |= set(mine.loc[(mine["style_id"] == ORIGINAL) | ~in_look, "item_id"])
    columns = ["item_id", "path", "video_digest", "suffix"]
    wanted = sound.loc[sound["item_id"].isin(plain), columns]
    filmed = _copy(folder, wanted.itertuples(index=False), storage.digest_file)
    return Clips(folder.read(CLIPS), files, filmed), filmed.tolist()


def feed(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Write `feed/<run_id>/`, of `bucket-NN.parquet` and `_feed.jsonl`, and make it current.

    Buckets are made one after the other, so that memory holds one of them.
    """
    facts = LogFacts.load(folder.path(FACTS))
    shown: set[str] = set()
    for bucket in range(facts.buckets):
        chosen = read_chosen(folder, bucket, ["item_id"])
        shown |= set() if chosen is None else set(chosen["item_id"].unique())
    columns = ["item_id", "path", "picture_digest", "suffix"]
    items = pd.read_parquet(folder.path("tables/item_pictures.parquet"), columns=columns)
    originals = _copy_originals(folder, items[items["item_id"].isin(shown)])
    renders = Renders(folder.read("renders.parquet"))
    clips, filmed = _read_clips(folder, renders)
    names = ("rows", "users", "restyled", "with_clip", "all_plain_users", "fell_back_to_original")
    counts = dict.fromkeys(names, 0)

    def write(version: Path) -> None:
        # The underscore hides it from readers that take the folder for one Parquet data set.
        with (version / "_feed.jsonl").open("w", encoding="utf-8") as lines:
            for number in range(FEWEST_BUCKETS):
                path = version / bucket_name(number)
                # A bucket without a figure would else have a column of another type.
                with storage.GrowingTable(path, COLUMN_TYPES) as file:
                    for chosen in _chosen_of(folder, facts, number):
                        rows, failed = feed_rows(chosen, renders, originals, folder.run_id, clips)
                        file.add(rows)
                        if len(rows):  # of no rows, pandas writes an empty line
                            rows.to_json(lines, orient="records", lines=True, force_ascii=False)
                        plain = (rows["style_id"] == ORIGINAL).groupby(rows["user_id"]).all()
                        counts["rows"] += len(rows)
                        counts["users"] += len(plain)
                        counts["restyled"] += int((rows["style_id"] != ORIGINAL).sum())
                        counts["with_clip"] += int(rows["video_uri"].notna().sum())
                        counts["all_plain_users"] += int(plain.sum())
                        counts["fell_back_to_original"] += failed

    name, files = write_version(folder.root, folder.run_id, folder.key, write)
    point_to(folder.root, name)
    folder.keep([*files, *originals, *filmed])
    return counts


def _chosen_of(folder: StageFolder, facts: LogFacts, number: int) -> Iterator[pd.DataFrame]:
    """The chosen rows of the feed's bucket `number`, some shoppers at a time."""
    found = False
    # The log has as many buckets as the feed, or a multiple of them.
    for bucket in range(number, facts.buckets, FEWEST_BUCKETS):
        chosen = read_chosen(folder, bucket)
        if chosen is not None:
            found = True
            yield from user_chunks(chosen, _USERS_AT_ONCE)
    if not found:
        parts = (read_chosen(folder, bucket) for bucket in range(facts.buckets))
        yield next(part for part in parts if part is not None).head(0)
