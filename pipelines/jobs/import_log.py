"""Raw files of a shop or a public data set in; the tables and pictures that `run` takes out."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pandas as pd

from features.adapters import Tables
from features.adapters.source import catalogue
from features.config import LogConfig
from features.contracts.layout import EVENT_COLUMNS
from features.contracts.names import meant, rename_columns
from features.ids import IdMap
from features.rejects import join_rejects
from features.schema import ConfigError, InputError
from features.tables import check_events, check_items
from pipelines.jobs.sample_looks import write_sample_looks
from pipelines.progress import progress
from pipelines.stores import storage
from pipelines.stores.folder_lock import hold_folder
from pipelines.stores.input_tables import table_files
from pipelines.stores.picture_files import picture_root, resolve_picture

LAYOUTS: Final = ("csv", "hm", "movielens", "online-retail", "open-bandit", "retailrocket")
RECORD: Final = "import.json"
ARTEFACTS: Final = ("events.parquet", "items.csv", "styles.csv")
PATH: Final = "image_path"

Loader = Callable[[Path], Tables]


def import_files(
    layout: str,
    files: Sequence[Path],
    out: Path,
    config: LogConfig,
) -> dict[str, Any]:
    """Write `events.parquet`, `items.csv`, `styles.csv` and their pictures to `out`.

    `layout` is one of `LAYOUTS`; `files` its folder or its files, for csv the log and, if there is
    one, the catalogue. `config` names columns and event types, for csv alone. Sample looks stand in
    where there is no `styles.csv`. Returns the counts, which `import.json` keeps; `worked` is False
    where these files were imported before. Raises InputError or SchemaError for what cannot be
    read.
    """
    layout = layout.replace("_", "-").lower()
    if layout not in LAYOUTS:
        near = get_close_matches(layout, LAYOUTS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "use csv for a layout of your own"
        raise ConfigError(f"layout {layout!r}: expected one of {', '.join(LAYOUTS)}; {hint}")
    if (config.columns or config.event_types) and layout != "csv":
        raise ConfigError(f"--columns and --event-types: only for csv, {layout} has its own names")
    absent = [path for path in files if not path.exists()]
    if absent:
        raise InputError(f"no file or folder at {absent[0]}; expected the {layout} files there")
    with hold_folder(out):
        return _import(layout, files, out, config)


def _import(layout: str, files: Sequence[Path], out: Path, config: LogConfig) -> dict[str, Any]:
    key = _state(layout, files, out, config)
    record = out / RECORD
    done = storage.find_json(record)
    if done is not None and done.get("key") == key and _whole(out):
        return {**done, "worked": False}
    with progress(f"import {layout}", 4) as advance:
        tables, rejects = _read(layout, files, config)
        advance(1)
        folder = files[-1] if files[-1].is_dir() else files[-1].parent
        items, linked, missing = _with_pictures(tables.items, folder, out)
        advance(1)
        storage.write_table(out / "events.parquet", tables.events)
        storage.write_table(out / "items.csv", items)
        storage.write_table(out / "rejects" / "import.csv", rejects)
        advance(1)
        looks = write_sample_looks(out)
        advance(1)
    counts = {
        "key": key,
        "layout": layout,
        "events": len(tables.events),
        "users": int(tables.events["user_id"].nunique()),
        "items": len(items),
        "pictures": linked,
        "pictures_missing": missing,
        "sample_looks": looks,
        "set_aside": tables.set_aside,
    }
    storage.write_json(record, counts)
    return {**counts, "worked": True}


def _state(layout: str, files: Sequence[Path], out: Path, config: LogConfig) -> str:
    """Digest of what decides the result: the files' paths, sizes and times of change."""
    own = {(out / name).resolve() for name in (*ARTEFACTS, RECORD)}
    found = []
    for path in files:
        # The tables of a public data set lie in its folder, its pictures below.
        parts = table_files(path) if layout == "csv" or path.is_file() else sorted(path.iterdir())
        for file in parts:
            hidden = file.name.startswith(".")
            if file.is_file() and not hidden and file.resolve() not in own:
                status = file.stat()
                found.append(f"{file.resolve()} {status.st_size} {status.st_mtime_ns}")
    told = dataclasses.asdict(config)
    return storage.digest_json(
        {"layout": layout, "files": found, "log": told, "code": version("stylefeed")}
    )


def _whole(out: Path) -> bool:
    return all((out / name).is_file() for name in ARTEFACTS)


def _read(layout: str, files: Sequence[Path], config: LogConfig) -> tuple[Tables, pd.DataFrame]:
    """The tables, and the rows set aside, one by one for csv; adapters count theirs by reason."""
    if layout == "csv":
        return read_own(files, config)
    return _loader(layout)(_source(layout, files)), join_rejects([])


def _loader(layout: str) -> Loader:
    from features.adapters.hm import load_hm
    from features.adapters.movielens import load_movielens
    from features.adapters.online_retail import load_online_retail
    from features.adapters.open_bandit import load_open_bandit
    from features.adapters.retailrocket import load_retailrocket

    return {
        "hm": load_hm,
        "movielens": load_movielens,
        "online-retail": load_online_retail,
        "open-bandit": load_open_bandit,
        "retailrocket": load_retailrocket,
    }[layout]


def _source(layout: str, files: Sequence[Path]) -> Path:
    """The one file, or the folder that all files lie in."""
    if len(files) == 1:
        return files[0]
    folders = {path.resolve().parent for path in files}
    if len(folders) > 1 or any(path.is_dir() for path in files):
        raise InputError(
            f"{layout}: got {len(files)} paths in {len(folders)} folders; expected the folder that "
            "the data set is unpacked into"
        )
    return files[0].parent


def read_own(files: Sequence[Path], config: LogConfig) -> tuple[Tables, pd.DataFrame]:
    """Read a log of one's own, and its catalogue if `files` holds two; returns rejects as well.

    Without a catalogue the items are those of the log, with its `items.` columns. A table without
    a column of pictures' paths is one without pictures.
    """
    if len(files) > 2:
        raise InputError(f"csv: got {len(files)} files; expected the log, or log and catalogue")
    log = storage.read_input_table(files[0], "events")
    own = config.columns_of("events")
    check_log = partial(
        check_events,
        log,
        columns=own,
        event_types=config.event_types,
        day_first=config.day_first,
    )
    if len(files) == 2:
        raw = storage.read_input_table(files[1], "items")
    else:
        raw = rename_columns(log, "events", [column.name for column in EVENT_COLUMNS], own)
        if "item_id" not in raw.columns:
            check_log()  # says what is missing
        raw = raw.drop_duplicates("item_id")
    of_items = config.columns_of("items")
    known = [*raw.columns, *of_items]
    if not any(name == PATH or meant(name, [PATH]) == PATH for name in known):
        raw = raw.assign(**{PATH: ""})
    items = check_items(raw, of_items)
    ids = IdMap.sorted(items.table["item_id"])
    events = check_log(ids)
    parts = [part for one in (events, items) for part in (one.rejects, one.value_rejects)]
    rejects = pd.concat(parts, ignore_index=True)
    counts = {str(reason): int(n) for reason, n in rejects["reason"].value_counts().items()}
    return Tables(events.table, catalogue(items.table), counts), rejects


def _with_pictures(items: pd.DataFrame, source: Path, out: Path) -> tuple[pd.DataFrame, int, int]:
    """Link the pictures that `items` name below `source` into `out`.

    Returns (items, how many are there, how many are not); a picture that is not there is no path
    any more, so that a catalogue whose pictures were not downloaded is one without pictures.
    """
    paths = items[PATH].fillna("").tolist()
    named = [path for path in paths if path]
    root = picture_root(named, source)
    there: dict[str, str] = {}
    with progress("link pictures", len(named)) as advance:
        for path in named:
            try:
                picture = resolve_picture(path, root)
            except InputError:
                picture = None
            if picture is not None:
                relative = picture.relative_to(root)
                _link(picture, out / relative)
                there[path] = relative.as_posix()
            advance(1)
    kept = [there.get(path, "") for path in paths]
    linked = sum(bool(path) for path in kept)
    return items.assign(**{PATH: kept}), linked, len(named) - linked


def _link(picture: Path, target: Path) -> None:
    if target.exists() and target.samefile(picture):
        return
    with storage.replace_file(target) as temporary:
        temporary.unlink()
        try:
            os.link(picture, temporary)
        except OSError:  # another disk, or one that cannot link
            shutil.copyfile(picture, temporary)
