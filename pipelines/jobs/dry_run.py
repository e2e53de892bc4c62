"""What `stylefeed run` would have to do, from the tables alone: nothing is painted or written."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from features.schema import InputError
from pipelines.config import RunConfig
from pipelines.jobs.plan import Size, UnitCosts, plan_of, unit_costs
from pipelines.stages.canonical import canonical_log
from pipelines.stages.clips import find_clips
from pipelines.stages.large_log import LARGE_LOG_ROWS, is_typed, large_log_size, raw_rows
from pipelines.stages.prepare import Shop, checked_shop
from pipelines.stages.tastes import noise_key
from pipelines.stages.withhold import Withholding
from pipelines.stores import storage
from pipelines.stores.picture_files import picture_root, resolve_picture
from pipelines.stores.render_store import known_renders
from pipelines.stores.workspace import Workspace


def dry_run(
    out: Path, inputs: dict[str, Path], config: RunConfig, pictures: Path | None = None
) -> dict[str, Any]:
    """Read the tables and say what a run in `out` would have before it; nothing is written.

    Returns what `plan_of` does, and `costs`: "last run" where a finished run in `out`, with the
    same settings for pictures, told what a unit costs, else "benchmarks". Pictures are counted, not
    read, clips are; of a log that is read in parts the rows and shoppers are those before
    cleaning. Renders of the tables' items and looks in the store of `out` count as stored where the
    job there has the same settings for pictures. Raises InputError or SchemaError when a run could
    not start, ConfigError without a key for private tastes.
    """
    noise_key(config.preference)
    for name, source in inputs.items():
        if not source.exists():
            raise InputError(f"{name}: no file at {source}; expected a .parquet or .csv table")
    items, styles = (storage.read_input_table(inputs[name], name) for name in ("items", "styles"))
    shop = checked_shop(items, styles, config.log)
    events, users = _log_size(out, inputs["events"], shop, config)
    tables = shop.tables
    files = _files(tables["items"]["image_path"], inputs["items"], pictures)
    looks = _files(tables["styles"]["image_path"], inputs["styles"], pictures)
    stored, costs = _known(out, tables, config)
    clips = _clips(tables["items"], inputs["items"], config, pictures)
    size = Size(
        events,
        users,
        len(tables["items"]),
        len(files),
        len(looks),
        sum(file.stat().st_size for file in files),
        stored,
        len(clips),
        int(clips["frames"].sum()),
    )
    told = "benchmarks" if costs is None else "last run"
    return {**plan_of(size, config, costs), "costs": told}


def _log_size(out: Path, path: Path, shop: Shop, config: RunConfig) -> tuple[int, int]:
    """(events, shoppers) of the log at `path`."""
    rows = raw_rows(path)
    if rows is not None and rows > LARGE_LOG_ROWS and is_typed(path, config.log):
        return large_log_size(path, config.log)
    log = storage.read_input_table(path, "events")
    rule = Withholding.of(out, config.privacy.pseudonymise)
    kept = canonical_log(log, config.log, shop.item_ids, shop.style_ids, rule=rule).events
    return len(kept), int(kept["user_id"].nunique())


def _files(paths: pd.Series, table: Path, pictures: Path | None) -> list[Path]:
    """The picture files that a table names and that are there."""
    named = [str(path) for path in paths.dropna()]
    root = picture_root(named, table.parent, pictures)
    found = []
    for path in named:
        try:
            found.append(resolve_picture(path, root))
        except (InputError, OSError):
            continue
    return found


def _clips(
    items: pd.DataFrame, table: Path, config: RunConfig, pictures: Path | None
) -> pd.DataFrame:
    """The items' clips that can be opened, with their frames; none without their reader."""
    named = items[items["video_path"].notna()]
    if named.empty or find_spec("av") is None:
        return pd.DataFrame({"frames": []})
    root = picture_root(items["image_path"].dropna(), table.parent, pictures)
    found, _ = find_clips(named, root, config.images)
    return found[found["path"].notna()]


def _known(
    out: Path, tables: dict[str, pd.DataFrame], config: RunConfig
) -> tuple[int, UnitCosts | None]:
    """How many renders of the tables are stored in `out`, and what a run there cost by unit."""
    job = storage.find_json(out / "job.json")
    if job is None or _of_pictures(job["config"]) != _of_pictures(config.settings()):
        return 0, None
    known = known_renders(Workspace(out))
    known = known[
        known["item_id"].isin(tables["items"]["item_id"])
        & known["style_id"].isin(tables["styles"]["style_id"])
    ]
    manifest = storage.find_json(out / "manifest.json")
    stored = len(known[["item_id", "style_id"]].drop_duplicates())
    return stored, None if manifest is None else unit_costs(manifest)


def _of_pictures(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that decide what a render is, not how many there are."""
    render = {name: kept for name, kept in settings["render"].items() if name != "max_renders"}
    return {"render": render, "images": settings["images"]}
