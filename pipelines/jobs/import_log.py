"""Raw files of a shop or a public data set in; the tables and pictures that `run` takes out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any, Final

import pandas as pd

from features.adapters import Tables
from features.adapters.source import finish
from features.schema import ConfigError, InputError, SchemaError
from pipelines import storage
from pipelines.jobs.sample_looks import write_sample_looks
from pipelines.progress import progress

LAYOUTS: Final = ("csv", "hm", "movielens", "online-retail", "open-bandit", "retailrocket")
RECORD: Final = "import.json"

Loader = Callable[[Path], Tables]


def import_files(
    layout: str,
    files: Sequence[Path],
    out: Path,
    columns: Mapping[str, str],
    event_types: Mapping[str, str],
) -> dict[str, Any]:
    """Write `events.parquet`, `items.csv`, `styles.csv` and their pictures to `out`.

    `layout` is one of `LAYOUTS`; `files` its folder or its files, for csv the log and, if there is
    one, the catalogue. `columns` (our name -> the file's, `items.price` for the catalogue's) and
    `event_types` (the file's word -> ours) are for csv alone. Sample looks stand in where there is
    no `styles.csv`. Returns the counts, which `import.json` keeps; `worked` is False where the
    same files were imported before. Raises InputError or SchemaError for what cannot be read.
    """
    layout = layout.replace("_", "-").lower()
    if layout not in LAYOUTS:
        near = get_close_matches(layout, LAYOUTS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "use csv for a layout of your own"
        raise ConfigError(f"layout {layout!r}: expected one of {', '.join(LAYOUTS)}; {hint}")
    if (columns or event_types) and layout != "csv":
        raise ConfigError(f"--columns and --event-types: only for csv, {layout} has its own names")
    absent = [path for path in files if not path.exists()]
    if absent:
        raise InputError(f"no file or folder at {absent[0]}; expected the {layout} files there")
    key = _state(layout, files, columns, event_types)
    record = out / RECORD
    if record.is_file() and (done := storage.read_json(record))["key"] == key and _whole(out):
        return {**done, "worked": False}
    with progress(f"import {layout}", 4) as advance:
        tables = _read(layout, files, columns, event_types)
        advance(1)
        folder = files[-1] if files[-1].is_dir() else files[-1].parent
        items, linked, missing = _with_pictures(tables.items, folder, out)
        advance(1)
        storage.write_table(out / "events.parquet", tables.events)
        storage.write_table(out / "items.csv", items)
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


def _state(layout: str, files: Sequence[Path], *mappings: Mapping[str, str]) -> str:
    """Digest of what decides the result: the files' paths, sizes and times of change."""
    found = []
    for path in files:
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if file.is_file():
                status = file.stat()
                found.append(f"{file.resolve()} {status.st_size} {status.st_mtime_ns}")
    told = [sorted(mapping.items()) for mapping in mappings]
    return storage.digest_json(
        {"layout": layout, "files": found, "told": told, "code": version("stylefeed")}
    )


def _whole(out: Path) -> bool:
    return all((out / name).is_file() for name in ("events.parquet", "items.csv", "styles.csv"))


def _read(
    layout: str,
    files: Sequence[Path],
    columns: Mapping[str, str],
    event_types: Mapping[str, str],
) -> Tables:
    if layout == "csv":
        return read_own(files, columns, event_types)
    return _loader(layout)(_source(layout, files))


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


def read_own(
    files: Sequence[Path], columns: Mapping[str, str], event_types: Mapping[str, str]
) -> Tables:
    """Read a log of one's own, and its catalogue if `files` holds two.

    Without a catalogue the items are those of the log, with its `items.` columns.
    """
    if len(files) > 2:
        raise InputError(f"csv: got {len(files)} files; expected the log, or log and catalogue")
    log = _as_text(files[0], "events")
    of_items = {n.removeprefix("items."): o for n, o in columns.items() if n.startswith("items.")}
    of_events = {name: own for name, own in columns.items() if not name.startswith("items.")}
    catalogue = log if len(files) == 1 else _as_text(files[1], "items")
    if len(files) == 1:
        of_items = {"item_id": of_events.get("item_id", "item_id")} | of_items
    events = _renamed(log, of_events, "events")
    if event_types and "event_type" in events:
        words = events["event_type"].astype(str)
        events["event_type"] = words.map(dict(event_types)).fillna(words)
    items = _renamed(catalogue, of_items, "items")
    if "item_id" not in items:
        raise SchemaError(
            f"items: column 'item_id' is missing: found {', '.join(map(str, items.columns))}; "
            "give --columns items.item_id=THEIRS"
        )
    items["item_id"] = items["item_id"].astype("str")
    items = items[items["item_id"].notna()]
    if "price" in items:
        items["price"] = pd.to_numeric(items["price"], errors="coerce")
    return finish(events, items, {})


def _as_text(path: Path, name: str) -> pd.DataFrame:
    """A table whose CSV columns are all text: which of them hold ids is told by the mapping."""
    if path.suffix != ".csv":
        return storage.read_input_table(path, name)
    try:
        return pd.read_csv(path, dtype="str", keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise SchemaError(
            f"{name}: {path} cannot be read as csv: {str(error).splitlines()[0]}; "
            "check that it is a table of comma-separated values in UTF-8"
        ) from error


def _renamed(table: pd.DataFrame, own: Mapping[str, str], name: str) -> pd.DataFrame:
    missing = [column for column in own.values() if column not in table.columns]
    if missing:
        raise SchemaError(
            f"{name}: column {missing[0]!r} of --columns is missing: found "
            f"{', '.join(map(str, table.columns))}; correct the mapping"
        )
    taken = table.drop(columns=[c for c in own if c in table.columns and own[c] != c])
    return taken.rename(columns={theirs: ours for ours, theirs in own.items()})


def _with_pictures(items: pd.DataFrame, source: Path, out: Path) -> tuple[pd.DataFrame, int, int]:
    """Link the pictures that `items` name in `source` into `out`.

    Returns (items, how many are there, how many are not); a picture that is not there is no path
    any more, so that a catalogue whose pictures were not downloaded is one without pictures.
    """
    paths = items["image_path"].fillna("").tolist()
    named = [path for path in paths if path]
    there = set()
    with progress("link pictures", len(named)) as advance:
        for path in named:
            if _link(path, source, out):
                there.add(path)
            advance(1)
    kept = pd.Series([path if path in there else "" for path in paths], dtype="str")
    linked = int((kept != "").sum())
    return items.assign(image_path=kept.to_numpy()), linked, len(named) - linked


def _link(image_path: str, source: Path, out: Path) -> bool:
    relative = PurePosixPath(image_path.replace("\\", "/"))
    if relative.is_absolute() or ".." in relative.parts:
        return False
    try:
        picture = (source / relative).resolve(strict=True)
        if not picture.is_file() or not picture.is_relative_to(source.resolve()):
            return False
    except (OSError, ValueError):
        return False
    target = out / relative
    if target.exists() and target.samefile(picture):
        return True
    target.parent.mkdir(parents=True, exist_ok=True)
    with storage.replacing(target) as temporary:
        temporary.unlink()
        try:
            os.link(picture, temporary)
        except OSError:  # another disk, or one that cannot link
            shutil.copyfile(picture, temporary)
    return True
