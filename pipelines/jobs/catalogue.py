"""Every item in every look, for campaigns: no log, no shopper."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from features.schema import ConfigError, InputError
from features.tables import check_items, check_styles
from pipelines.config import RunConfig
from pipelines.limits import check_set_aside, set_aside
from pipelines.stages.encode import PictureTable, encode_pictures, picture_notes, without_pictures
from pipelines.stages.render import (
    count_renders,
    fitted_version,
    paint_plan,
    painter_version,
    render_plan,
    with_fitted,
    with_masks,
    with_permissions,
)
from pipelines.stores import storage
from pipelines.stores.folder_lock import hold_folder
from pipelines.stores.picture_files import picture_root
from pipelines.stores.render_store import TABLE
from pipelines.stores.workspace import Workspace


def render_catalogue(
    items_path: Path,
    styles_path: Path,
    out: Path,
    config: RunConfig,
    strength: float,
    max_items: int | None,
    max_styles: int | None,
    pictures: Path | None = None,
    item_ids: Collection[str] | None = None,
    style_ids: Collection[str] | None = None,
) -> dict[str, Any]:
    """Paint the first `max_items` items in the first `max_styles` looks, at `strength` in (0, 1].

    With `item_ids` or `style_ids` others are left out first. `pictures` is the folder that picture
    paths start from (None: found by the tables' folders). Adds to `renders/`, and writes
    `renders.parquet` and `rejects/`, in `out`; returns the counts.
    Raises ConfigError on a strength out of range, SchemaError on a table that cannot be used,
    InputError where trained weights cannot be used, another job works in `out`, more is set aside
    than `config.limits` allow or nothing can be shown in a look.
    """
    if not 0.0 < strength <= 1.0:
        raise ConfigError(f"strength is {strength}: expected over 0 and at most 1")
    for name, most in (("max_items", max_items), ("max_styles", max_styles)):
        if most is not None and most < 1:
            raise ConfigError(f"{name} is {most}: expected at least 1, or leave it out")
    # What cannot paint is said before any picture is encoded.
    painter_version(config.render)
    fitted_version(config.render)
    with hold_folder(out):
        return _render_catalogue(
            items_path,
            styles_path,
            Workspace(out),
            config,
            strength,
            max_items,
            max_styles,
            pictures,
            item_ids,
            style_ids,
        )


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Checked tables of items and styles, and the folders that their picture paths start from."""

    items: pd.DataFrame
    styles: pd.DataFrame
    root: Path
    look_root: Path


def read_catalogue(
    items_path: Path,
    styles_path: Path,
    workspace: Workspace,
    config: RunConfig,
    pictures: Path | None = None,
) -> Catalogue:
    """Read and check both tables; what cannot be used is set aside in `workspace`.

    Raises SchemaError on a table that cannot be used, InputError where no item names a picture or
    more is set aside than `config.limits` allow.
    """
    log = config.log
    raw = [storage.read_input_table(items_path, "items")]
    raw.append(storage.read_input_table(styles_path, "styles"))
    checked = (
        check_items(raw[0], log.columns_of("items")),
        check_styles(raw[1], log.columns_of("styles")),
    )
    items, styles = (table.placed for table in checked)
    if without_pictures(items):
        raise InputError("items: no item names a picture: there is nothing to paint")
    workspace.set_aside("prepare", pd.concat([table.rejects for table in checked]))
    workspace.set_aside("prepare_values", pd.concat([table.value_rejects for table in checked]))
    for name, rows, table in zip(("items", "styles"), raw, checked, strict=True):
        told = set_aside(name, len(rows), table.rejects["reason"])
        check_set_aside("prepare", told, config.limits)
    root = picture_root(items["image_path"], items_path.parent, pictures)
    look_root = picture_root(styles["image_path"], styles_path.parent, pictures)
    return Catalogue(items, styles, root, look_root)


def encode_catalogue(
    catalogue: Catalogue, workspace: Workspace, config: RunConfig
) -> tuple[pd.DataFrame, pd.DataFrame, list[dict[str, Any]]]:
    """Encode every picture: (items with their masks, looks with their permissions, mask rejects).

    Raises InputError where more is set aside than `config.limits` allow.
    """
    items, styles = catalogue.items, catalogue.styles
    (item_pictures, broken_items), (looks, broken_looks) = encode_pictures(
        [
            PictureTable(items, "item_id", catalogue.root, with_content=True),
            PictureTable(styles, "style_id", catalogue.look_root, with_content=False),
        ],
        config,
    )
    broken = broken_items + broken_looks
    notes = picture_notes(item_pictures, "item_id") + picture_notes(looks, "style_id")
    workspace.set_aside("encode", broken + notes)
    for what, encoded, bad in (
        ("item pictures", item_pictures, broken_items),
        ("look pictures", looks, broken_looks),
    ):
        told = set_aside(what, len(encoded) + len(bad), [row["reason"] for row in bad])
        check_set_aside("encode", told, config.limits)
    item_pictures, rejects = with_masks(item_pictures, items, catalogue.root, config.images)
    return item_pictures, with_permissions(looks, styles), rejects


def _render_catalogue(
    items_path: Path,
    styles_path: Path,
    workspace: Workspace,
    config: RunConfig,
    strength: float,
    max_items: int | None,
    max_styles: int | None,
    pictures: Path | None,
    item_ids: Collection[str] | None,
    style_ids: Collection[str] | None,
) -> dict[str, Any]:
    catalogue = read_catalogue(items_path, styles_path, workspace, config, pictures)
    chosen = replace(
        catalogue,
        items=_chosen(catalogue.items, "item_id", item_ids, max_items),
        styles=_chosen(catalogue.styles, "style_id", style_ids, max_styles),
    )
    item_pictures, looks, rejects = encode_catalogue(chosen, workspace, config)
    looks = with_fitted(looks, config.render)
    wanted = item_pictures[["item_id"]].merge(looks[["style_id"]], how="cross")
    wanted = count_renders(wanted.assign(strength=strength))
    plan = render_plan(wanted, item_pictures, looks, config.render, config.images.enhance)
    counts = paint_plan(workspace, plan, item_pictures, looks, config, rejects)
    for told in counts["set_aside"]:
        check_set_aside("render", told, config.limits)
    if counts["renders"] == counts.get("served_original", 0):
        refused = set_aside("renders", counts["renders"], workspace.read(TABLE)["reason"])
        check_set_aside("render", refused, config.limits)
    return {"items": len(item_pictures), "looks": len(looks), **counts}


def _chosen(
    table: pd.DataFrame, column: str, wanted: Collection[str] | None, most: int | None
) -> pd.DataFrame:
    if wanted is not None:
        table = table[table[column].isin(list(wanted))]
        if table.empty:
            raise InputError(f"{column}: the table has none of those that are asked for")
    return table.head(most or len(table)).reset_index(drop=True)
