"""Clips of items in the looks that the feed's rows serve: pictures come first, then these."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from features.images import ImageLimits
from features.schema import ORIGINAL, InputError
from pipelines.config import RunConfig
from pipelines.engines.choice import open_executor
from pipelines.engines.executor import BatchFailure, run_batches
from pipelines.limits import set_aside
from pipelines.progress import progress
from pipelines.stages.render import look_sources, recipe, with_fitted, with_permissions
from pipelines.stores import storage
from pipelines.stores.clip_store import TABLE, Row, clips_table, find_record
from pipelines.stores.event_buckets import FACTS, LogFacts, read_chosen
from pipelines.stores.picture_files import resolve_picture
from pipelines.stores.render_store import TABLE as RENDERS
from pipelines.stores.workspace import LEFT_FOR_NEXT_RUN, StageFolder, Workspace
from pipelines.verbosity import warn
from styletransfer.config import RenderConfig

ITEM_CLIPS: Final = "tables/item_clips.parquet"
CLIP_FILE_COLUMNS: Final = ("item_id", "path", "video_digest", "suffix", "reason")
UNREADABLE: Final = "it cannot be read; rejects/clips.csv says why"
NO_READER: Final = "left out: clips need PyAV: pip install 'stylefeed[video]', then run again"
_KEYS: Final = ["item_id", "style_id", "strength"]
_READERS: Final = 4


def clips(folder: StageFolder, config: RunConfig) -> dict[str, Any]:
    """Make the clips that rows in a look need; those that already exist are kept."""
    items = folder.read("tables/items.parquet")
    named = items.loc[items["video_path"].notna(), ["item_id", "video_path"]]
    shown = shown_looks(folder, set(named["item_id"]))
    named = named[named["item_id"].isin(shown["item_id"])]
    has_reader = find_spec("av") is not None
    files = pd.DataFrame(columns=list(CLIP_FILE_COLUMNS))
    rejects: list[Row] = []
    if has_reader and len(named):
        root = folder.picture_root("items", items["image_path"])
        files, rejects = find_clips(named, root, config.images)
    elif len(named):
        warn(f"clips: {len(named):,} items name one, and none is made: {NO_READER}")
        files = named.assign(path=None, video_digest=None, suffix=None, reason=NO_READER)
    looks = with_permissions(
        folder.read("tables/look_pictures.parquet"), folder.read("tables/styles.parquet")
    )
    looks = with_fitted(looks, config.render)
    renders = folder.read(RENDERS)
    plan = clip_plan(shown, renders, files, looks, config.render)
    rows, counts = _make(folder, plan, looks, config, int((renders["requested_mode"] != "").sum()))
    table = clips_table(rows).sort_values(_KEYS, ignore_index=True)
    folder.write(TABLE, table)
    folder.keep(table["video_uri"].dropna())
    damaged = table[table["state"] == "unreadable"].drop_duplicates("item_id")
    reasons = dict(zip(damaged["item_id"], damaged["reason"], strict=True))
    paths = dict(zip(named["item_id"], named["video_path"], strict=True))
    failed = table.loc[table["state"] == "failed", ["item_id", "reason"]]
    told = [*reasons.items(), *failed.itertuples(index=False, name=None)]
    rejects += [{"key": k, "reason": f"clip: {r}", "got": paths[k]} for k, r in told]
    rejects.sort(key=lambda row: str(row["key"]))
    files = files.set_index("item_id")
    files.loc[list(reasons), "path"] = None
    files.loc[list(reasons), "reason"] = UNREADABLE
    files = files.reset_index().reindex(columns=list(CLIP_FILE_COLUMNS)).astype("str")
    folder.write(ITEM_CLIPS, files)
    return {
        "clips": int((table["state"] == "made").sum()),
        "refused": int((table["state"] == "refused").sum()),
        **counts,
        LEFT_FOR_NEXT_RUN: counts[LEFT_FOR_NEXT_RUN] + (0 if has_reader else len(named)),
        "rejects": folder.set_aside("clips", [{"table": "items", **r} for r in rejects]),
        # No part of `set_aside`: however many clips are damaged, the pictures are served.
        "rejects_by_reason": set_aside("", 0, [str(r["reason"]) for r in rejects])["reasons"],
    }


def shown_looks(workspace: Workspace, items: set[str]) -> pd.DataFrame:
    """How many of the chosen rows show each of `items` in each look, the null look included:
    item_id, style_id, strength, seen."""
    parts = [pd.DataFrame(columns=[*_KEYS, "seen"]).astype({"strength": "float64", "seen": int})]
    if items:
        facts = LogFacts.load(workspace.path(FACTS))
        for bucket in range(facts.buckets):
            chosen = read_chosen(workspace, bucket, _KEYS)
            if chosen is not None:
                mine = chosen[chosen["item_id"].isin(items)]
                parts.append(mine.groupby(_KEYS, sort=True).size().reset_index(name="seen"))
    return pd.concat(parts[1:] or parts).groupby(_KEYS, sort=True)["seen"].sum().reset_index()


def find_clips(
    named: pd.DataFrame, root: Path, limits: ImageLimits
) -> tuple[pd.DataFrame, list[Row]]:
    """Open the clip of each of the `named` items, whose video_path starts from `root`.

    Returns (item_id, path, video_digest, suffix of its real kind, reason '', frames as far as the
    file tells: all null but for reason and frames where it cannot be read; rejects).
    """
    from styletransfer.video.reader import ClipReader

    def find(item: str, video_path: str) -> tuple[Row, str]:
        try:
            path = resolve_picture(video_path, root)
            with ClipReader(path, 64, limits) as reader:
                told = {"suffix": reader.suffix, "frames": reader.expected}
            digest = storage.digest_file(path)
        except (InputError, OSError) as error:
            return {"item_id": item, "reason": UNREADABLE, "frames": 0}, str(error)
        return {"item_id": item, "path": str(path), "video_digest": digest, "reason": ""} | told, ""

    with ThreadPoolExecutor(_READERS) as readers:
        found = list(readers.map(find, named["item_id"], named["video_path"]))
    rejects = [
        {"key": row["item_id"], "reason": f"clip: {why}", "got": path}
        for (row, why), path in zip(found, named["video_path"], strict=True)
        if why
    ]
    rows = [row for row, _ in found]
    return pd.DataFrame(rows, columns=[*CLIP_FILE_COLUMNS, "frames"]), rejects


def clip_plan(
    shown: pd.DataFrame,
    renders: pd.DataFrame,
    files: pd.DataFrame,
    looks: pd.DataFrame,
    config: RenderConfig,
) -> pd.DataFrame:
    """The clips that rows served in a look need, most seen first: `shown` with path, suffix (of
    what is made), served_strength and clip_key.

    A row whose picture is the original needs none.
    """
    served = renders.loc[
        renders["image_uri"].notna() & (renders["served_mode"] != ORIGINAL),
        [*_KEYS, "served_strength"],
    ]
    readable = files.loc[files["path"].notna(), ["item_id", "path", "video_digest", "suffix"]]
    plan = shown.merge(served, on=_KEYS).merge(readable, on="item_id")
    plan = plan.sort_values(["seen", *_KEYS], ascending=[False, True, True, True])
    plan = plan.reset_index(drop=True)
    plan["suffix"] = np.where(plan["suffix"] == "webm", ".webm", ".mp4")
    if plan.empty:
        return plan.assign(clip_key=pd.Series(dtype="str"))
    from styletransfer.video.clip import CLIP_REVISION

    sources = looks.set_index("style_id")[["style_code", "picture_digest", "verbatim"]]
    made_by = {"recipe": recipe(config), "revision": CLIP_REVISION}
    keys = []
    for row in plan.to_dict("records"):
        code, picture, verbatim = sources.loc[str(row["style_id"])]
        made_of = {
            "video": row["video_digest"],
            "item": row["item_id"],
            "style": row["style_id"],
            "code": np.asarray(code, dtype="<f4").tobytes().hex(),
            "look": picture,
            "verbatim": bool(verbatim),
            "strength": row["served_strength"],
            "suffix": row["suffix"],
        }
        keys.append(storage.digest_json({**made_of, **made_by}))
    return plan.assign(clip_key=pd.array(keys, dtype="str"))


def _make(
    folder: StageFolder,
    plan: pd.DataFrame,
    looks: pd.DataFrame,
    config: RunConfig,
    pictures: int,
) -> tuple[list[Row], dict[str, int]]:
    """Rows of `clips.parquet` for the `plan`, of which the store may hold some, and counts.

    `pictures` of `render.max_renders` are used up.
    """
    counts = {"made": 0, "left_out_by_budget": 0, LEFT_FOR_NEXT_RUN: 0}
    if plan.empty:
        return [], counts
    from pipelines.workers.film import PAST_DEADLINE, ClipWork, clip_row, film_maker

    work = [
        ClipWork(**{name: row[name] for name in ClipWork.__dataclass_fields__})
        for row in plan.to_dict("records")
    ]
    mode, most = config.render.mode, config.render.max_renders
    if mode != "faithful":
        return [
            clip_row(one, "left", f"clips are faithful, or nothing, and render.mode is {mode}")
            for one in work
        ], counts
    room = max(most - pictures, 0) if most else len(work)
    why = f"left out: render.max_renders is {most}, of which pictures leave {room} for clips"
    rows = [clip_row(one, "left", why) for one in work[room:]]
    counts["left_out_by_budget"] = len(rows)
    todo = []
    for one in work[:room]:
        known = find_record(folder.root, one.clip_key)
        todo += [one] if known is None else []
        # The one kept may have been drawn at another strength, and served at this one.
        rows += [] if known is None else [{**known, "strength": one.strength}]
    sources = look_sources(looks)
    factory = partial(
        film_maker, config.render, config.images, folder.root, sources, config.limits.deadline_s()
    )
    # One clip at a time: each takes as long as a batch of pictures.
    batches = [[one] for one in todo]
    executor = open_executor(
        config.engine, config.workers, len(batches), config.limits.batch_seconds
    )
    with progress("clips", len(todo)) as advance:
        for batch, outcome in run_batches(executor, factory, batches):
            if isinstance(outcome, BatchFailure):
                rows += [clip_row(one, "failed", outcome.reason) for one in batch]
            else:
                rows += outcome
                counts["made"] += sum(row["state"] == "made" for row in outcome)
                late = sum(row["reason"] == PAST_DEADLINE for row in outcome)
                counts[LEFT_FOR_NEXT_RUN] += late
            advance(len(batch))
    return rows, counts
