"""A shop's folder: its settings file, and which of its tables and pictures are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from features.schema import InputError
from features.tables import validate_events, validate_items, validate_styles
from pipelines.settings_text import settings_toml
from pipelines.stores import storage
from pipelines.stores.picture_files import picture_root, resolve_picture

SETTINGS: Final = "settings.toml"
SUFFIXES: Final = (".parquet", ".csv")


@dataclass(frozen=True)
class _Expected:
    """A table that `run` takes: what it is, and the columns it must have."""

    what: str
    columns: str
    validate: Callable[[pd.DataFrame], tuple[pd.DataFrame, pd.DataFrame]]


TABLES: Final = {
    "events": _Expected(
        "the browsing log", "user_id, item_id, timestamp, event_type", validate_events
    ),
    "items": _Expected("the catalogue", "item_id, image_path", validate_items),
    "styles": _Expected("the looks", "style_id, name, image_path", validate_styles),
}


def init_shop(folder: Path) -> dict[str, Any]:
    """Write `settings.toml` to `folder`, unless it is there, and look at the tables beside it.

    Returns `settings` (written or kept), and per table its `file` (None: missing), `rows`,
    `set_aside`, `pictures`, `pictures_missing` and `problem`, why it cannot be used ('': it can).
    """
    path = folder / SETTINGS
    kept = path.is_file()
    if not kept:
        storage.write_bytes(path, settings_toml().encode())
    return {
        "settings": "kept" if kept else "written",
        "tables": {name: _look_at(folder, name) for name in TABLES},
    }


def _look_at(folder: Path, name: str) -> dict[str, Any]:
    files = [folder / f"{name}{suffix}" for suffix in SUFFIXES]
    file = next((file for file in files if file.is_file()), None)
    found: dict[str, Any] = {
        "file": None if file is None else file.name,
        **dict.fromkeys(("rows", "set_aside", "pictures", "pictures_missing"), 0),
        "problem": "",
    }
    if file is None:
        return found
    try:
        table, rejects = TABLES[name].validate(storage.read_input_table(file, name))
    except InputError as error:
        return {**found, "problem": str(error)}
    found |= {"rows": len(table), "set_aside": len(rejects)}
    if "image_path" in table:
        paths = table["image_path"].dropna()
        root = picture_root(paths, folder)
        there = sum(_is_there(image_path, root) for image_path in paths)
        found |= {"pictures": there, "pictures_missing": len(paths) - there}
    return found


def _is_there(image_path: str, root: Path) -> bool:
    try:
        resolve_picture(image_path, root)
    except InputError:
        return False
    return True
