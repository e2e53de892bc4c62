"""Every item in every look, for campaigns: no log, no shopper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from features.schema import ConfigError, InputError
from features.tables import check_items, check_styles
from pipelines import storage
from pipelines.config import RunConfig
from pipelines.jobs.encode import encode_pictures
from pipelines.jobs.render import paint_plan, render_plan, with_masks, with_permissions
from pipelines.picture_files import picture_root
from pipelines.workspace import Workspace


def render_catalogue(
    items_path: Path,
    styles_path: Path,
    out: Path,
    config: RunConfig,
    strength: float,
    max_items: int | None,
    max_styles: int | None,
    pictures: Path | None = None,
) -> dict[str, Any]:
    """Paint the first `max_items` items in the first `max_styles` looks, at `strength` in (0, 1].

    `pictures` is the folder that picture paths start from (None: found by the tables' folders).
    Writes `renders/`, `renders.parquet` and `rejects/` to `out`; returns the counts.
    Raises ConfigError on a strength out of range, SchemaError on a table that cannot be used.
    """
    if not 0.0 < strength <= 1.0:
        raise ConfigError(f"strength is {strength}: expected over 0 and at most 1")
    workspace = Workspace(out)
    log = config.log
    checked = (
        check_items(storage.read_input_table(items_path, "items"), log.columns_of("items")),
        check_styles(storage.read_input_table(styles_path, "styles"), log.columns_of("styles")),
    )
    items, styles = (table.placed for table in checked)
    workspace.set_aside("prepare", pd.concat([table.rejects for table in checked]))
    workspace.set_aside("prepare_values", pd.concat([table.value_rejects for table in checked]))
    root = picture_root(items["image_path"], items_path.parent, pictures)
    item_pictures, broken_items = encode_pictures(
        items.head(max_items or len(items)), "item_id", root, config, True
    )
    looks, broken_looks = encode_pictures(
        styles.head(max_styles or len(styles)),
        "style_id",
        picture_root(styles["image_path"], styles_path.parent, pictures),
        config,
        False,
    )
    broken = broken_items + broken_looks
    workspace.set_aside("encode", broken)
    if item_pictures.empty or looks.empty:
        raise InputError(f"no picture to paint, the first because: {broken[0]['reason']}")
    wanted = item_pictures[["item_id"]].merge(looks[["style_id"]], how="cross")
    item_pictures, rejects = with_masks(item_pictures, items, root, config.images)
    looks = with_permissions(looks, styles)
    plan = render_plan(wanted.assign(strength=strength), item_pictures, looks, config.render)
    counts = paint_plan(workspace, plan, item_pictures, looks, config, rejects)
    return {"items": len(item_pictures), "looks": len(looks), **counts}
