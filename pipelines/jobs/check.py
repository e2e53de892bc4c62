"""What a run would find and do, without running it: quality, counts, time and disk at most."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pandas as pd

from features.config import ImageLimits
from features.exposures import matched_exposures
from features.quality import STATS_COLUMNS, quality_report
from features.schema import InputError
from pipelines.config import RunConfig
from pipelines.engines.executor import BatchFailure
from pipelines.engines.local import LocalExecutor
from pipelines.jobs.plan import Size, plan_of
from pipelines.limits import LimitConfig, check_set_aside, set_aside
from pipelines.progress import progress
from pipelines.stages.clips import NO_READER, find_clips
from pipelines.stages.log_warnings import log_warnings
from pipelines.stages.prepare import canonical_tables, find_bots
from pipelines.stages.tastes import noise_key
from pipelines.stages.withhold import NOTHING, Withholding
from pipelines.stores import storage
from pipelines.stores.picture_files import picture_root, resolve_picture
from pipelines.stores.shopper_keys import read_key

BATCH_PICTURES: Final = 64
PICTURED: Final = {"items": "item_id", "styles": "style_id"}

Row = dict[str, Any]


def check_shop(
    inputs: dict[str, Path], config: RunConfig, pictures: Path | None = None
) -> dict[str, Any]:
    """Read the tables and every picture; returns what is wrong and what a run would do.

    `pictures` is the folder that picture paths start from (None: found by the tables').
    `rejects` counts rows by table and reason; `warnings` are lines about the log; `unreadable` are
    (table, id, reason) of pictures, `clips` how many items name one, `unreadable_clips` the
    (table, id, reason) of those that cannot be opened;
    `stops` says why a run would stop ('': it would not); `quality` is the report of
    `features.quality`; `plan` holds counts and, at most, `renders`, `seconds` on this machine and
    `bytes` on disk. With `privacy.pseudonymise` shoppers are named by their pseudonyms. Nothing is
    written. Raises InputError or SchemaError when a run could not start, ConfigError without a key
    for pseudonyms or for private tastes.
    """
    noise_key(config.preference)
    events, items, styles = (
        storage.read_input_table(inputs[name], name) for name in ("events", "items", "styles")
    )
    hide = config.privacy.pseudonymise
    rule = Withholding(read_key("privacy.pseudonymise"), True) if hide else NOTHING
    raw, tables = events, canonical_tables(events, items, styles, config, rule=rule)
    events, items, styles = tables["events"], tables["items"], tables["styles"]
    roots = {
        name: picture_root(tables[name]["image_path"].dropna(), inputs[name].parent, pictures)
        for name in PICTURED
    }
    read, unreadable = read_pictures(tables, roots, config)
    clips, damaged = _clips(items, roots["items"], config)
    found = read["items"].rename(columns={"id": "item_id"})
    rejects = tables["rejects"]
    counted = rejects.groupby(["table", "reason"]).size().rename("rows").reset_index()
    return {
        "clips": int(items["video_path"].notna().sum()),
        "unreadable_clips": damaged,
        "rejects": counted.to_dict("records"),
        "warnings": log_warnings(
            raw,
            rejects,
            tables["values"],
            matched_exposures(events, config.log.clock_tolerance_s)[1],
            int((tables["events"]["event_type"] == "impression").sum()),
            config.log,
        ),
        "unreadable": unreadable,
        "stops": why_a_run_stops(tables, read, unreadable, config.limits),
        "quality": quality_report(
            events,
            items,
            styles,
            found[["item_id", *STATS_COLUMNS]],
            find_bots(rejects),
            config.quality,
        ),
        "plan": plan_of(
            Size(
                len(events),
                int(events["user_id"].nunique()),
                len(items),
                len(found),
                len(read["styles"]),
                int(found["bytes"].sum()),
                clips=len(clips),
                frames=int(clips["frames"].sum()),
            ),
            config,
        ),
    }


def _clips(items: pd.DataFrame, root: Path, config: RunConfig) -> tuple[pd.DataFrame, list[Row]]:
    """The items' clips that can be opened, with their frames, and the others with the reason."""
    named = items[items["video_path"].notna()]
    if find_spec("av") is None:
        lacking = [{"table": "items", "id": item, "reason": NO_READER} for item in named["item_id"]]
        return pd.DataFrame(columns=["item_id", "frames"]), lacking
    found, bad = find_clips(named, root, config.images)
    damaged = [{"table": "items", "id": r["key"], "reason": r["reason"]} for r in bad]
    return found[found["path"].notna()], damaged


def why_a_run_stops(
    tables: dict[str, pd.DataFrame],
    read: dict[str, pd.DataFrame],
    unreadable: list[Row],
    limits: LimitConfig,
) -> str:
    """The first reason why a run on these tables would stop, '' if there is none.

    `tables` holds `rejects` beside events, items and styles; `unreadable` names its table and
    reason.
    """
    rejects = tables["rejects"]
    told = [("prepare", _gone(name, tables[name], rejects)) for name in ("events", *PICTURED)]
    for name in PICTURED:
        named = int(tables[name]["image_path"].notna().sum())
        bad = [row["reason"] for row in unreadable if row["table"] == name]
        told.append(("encode", set_aside(f"pictures of {name}", named, bad)))
    for stage, counts in told:
        try:
            check_set_aside(stage, counts, limits)
        except InputError as error:
            return str(error)
    return ""


def _gone(name: str, table: pd.DataFrame, rejects: pd.DataFrame) -> dict[str, Any]:
    reasons = rejects.loc[rejects["table"] == name, "reason"]
    return set_aside(name, len(table) + len(reasons), reasons)


def read_pictures(
    tables: dict[str, pd.DataFrame], roots: dict[str, Path], config: RunConfig
) -> tuple[dict[str, pd.DataFrame], list[Row]]:
    """Decode every picture that the tables `items` and `styles` name, in parallel.

    Returns (by table a row per picture that can be read: id, bytes and what `picture_stats`
    gives; table, id and reason of each that cannot), by id.
    """
    named = [
        (name, str(key), str(image_path))
        for name in PICTURED
        for key, image_path in tables[name][[PICTURED[name], "image_path"]]
        .dropna()
        .itertuples(index=False)
    ]
    batches = [named[i : i + BATCH_PICTURES] for i in range(0, len(named), BATCH_PICTURES)]
    rows: list[Row] = []
    bad: list[Row] = []
    factory = partial(picture_reader, config.images, roots)
    with progress("read pictures", len(named)) as advance:
        for index, outcome in LocalExecutor(config.processes).map_batches(factory, batches):
            if isinstance(outcome, BatchFailure):
                bad += [
                    {"table": name, "id": key, "reason": outcome.reason}
                    for name, key, _ in batches[index]
                ]
            else:
                rows += outcome[0]
                bad += outcome[1]
            advance(len(batches[index]))
    found = pd.DataFrame(rows, columns=["table", "id", "bytes", *STATS_COLUMNS]).sort_values("id")
    by_table = {name: found[found["table"] == name].reset_index(drop=True) for name in PICTURED}
    return by_table, sorted(bad, key=lambda row: (row["table"], row["id"]))


def picture_reader(
    limits: ImageLimits, roots: dict[str, Path]
) -> Callable[[list[tuple[str, str, str]]], tuple[list[Row], list[Row]]]:
    """Make the worker: [(table, id, image_path)] -> (statistics, reasons for the others)."""
    from features.images import decode
    from features.quality import picture_stats

    def work(batch: list[tuple[str, str, str]]) -> tuple[list[Row], list[Row]]:
        rows, bad = [], []
        for name, key, image_path in batch:
            about = {"table": name, "id": key}
            try:
                path = resolve_picture(image_path, roots[name])
                stats = picture_stats(decode(path, limits))
            except (InputError, OSError) as error:
                bad.append({**about, "reason": str(error)})
            else:
                rows.append({**about, "bytes": path.stat().st_size, **stats})
        return rows, bad

    return work
