"""Versions of the feed: each one whole in a folder of its own, and a pointer to the current one.

A reader asks `current_version` once and reads that folder: it is complete, and stays as it is until
`stylefeed prune` removes it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow.parquet as pq

from features.schema import InputError, StorageError
from pipelines.stores import storage

POINTER: Final = "feed/current.json"
SHOWN: Final = ("image_uri", "original_uri", "video_uri")
"""Columns of a feed that name files, relative to the job's folder."""
# The underscore hides it from readers that take the folder for one Parquet data set.
_CARD: Final = "_version.json"


def current_version(out: Path) -> Path:
    """The folder of the current feed of the job in `out`, resolved once, to be read whole.

    Raises InputError when there is no feed, or its pointer cannot be read.
    """
    history = version_history(out)
    if not history:
        raise InputError(
            f"{out} has no feed, or {POINTER} there cannot be read; run `stylefeed run` or "
            "`stylefeed feed` there first"
        )
    return out / "feed" / history[0]


def read_feed(out: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """All rows of the current feed, by bucket. Raises InputError as `current_version`."""
    return read_version(current_version(out), columns)


def read_version(folder: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """All rows of the version in `folder`, by bucket."""
    parts = [_read_bucket(bucket, columns) for bucket in bucket_files(folder)]
    return pd.concat(parts, ignore_index=True)


def _read_bucket(path: Path, columns: list[str] | None) -> pd.DataFrame:
    if "video_uri" in pq.read_schema(path).names or "video_uri" not in (columns or ["video_uri"]):
        return pd.read_parquet(path, columns=columns)
    # A version from before there were clips.
    kept = None if columns is None else [name for name in columns if name != "video_uri"]
    rows = pd.read_parquet(path, columns=kept)
    return rows.assign(video_uri=pd.Series(None, index=rows.index, dtype="str"))


def shown_files(bucket: Path) -> set[str]:
    """All pictures and clips that the rows of a bucket name."""
    rows = _read_bucket(bucket, list(SHOWN))
    return set().union(*(rows[name].dropna() for name in SHOWN))


def bucket_files(folder: Path) -> list[Path]:
    """The files of the version in `folder` that hold its rows, each shopper's in one, by bucket."""
    return sorted(folder.glob("bucket-*.parquet"))


def all_versions(out: Path) -> list[str]:
    """Names of all versions that are there, whether they were ever current or not, sorted."""
    return sorted(card.parent.name for card in (out / "feed").glob(f"*/{_CARD}"))


def version_history(out: Path) -> list[str]:
    """Names of the versions that were current, the last one first; none without a pointer."""
    pointer = storage.find_json(out / POINTER)
    history = pointer.get("history") if pointer else None
    if not isinstance(history, list):
        return []
    return [str(name) for name in history if (out / "feed" / str(name) / _CARD).is_file()]


def write_version(
    out: Path, run_id: str, key: str, write: Callable[[Path], None]
) -> tuple[str, list[str]]:
    """Write a version with `write`, which fills a folder; returns its name and its files' names.

    It is named by `run_id`, or where that name holds what another stage `key` made, by both. A
    version that is there already is repaired file by file.
    """
    feeds = out / "feed"
    storage.make_folder(feeds)
    with storage.naming_write_errors(feeds):
        draft = Path(tempfile.mkdtemp(dir=feeds, prefix=storage.WRITING))
    try:
        with storage.naming_write_errors(feeds / run_id):
            draft.chmod(0o755)
            write(draft)
            storage.write_json(draft / _CARD, {"run_id": run_id, "key": key})
            name = run_id if _made_by(feeds / run_id, key) else f"{run_id}-{key[:8]}"
            files = sorted(file.name for file in draft.iterdir())
            for file in files:
                storage.sync(draft / file)
            storage.sync(draft)
            _publish(draft, feeds / name, files)
    except StorageError as error:
        # Named by what it was to become, not by the draft's file.
        if isinstance(error.__cause__, Exception):
            raise storage.write_error(feeds / run_id, error.__cause__) from error.__cause__
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return name, [f"feed/{name}/{file}" for file in files]


def point_to(out: Path, name: str) -> None:
    """Make the version `name` the current one, in one step."""
    before = [old for old in version_history(out) if old != name]
    storage.write_json(out / POINTER, {"version": name, "history": [name, *before]})


def _made_by(folder: Path, key: str) -> bool:
    """Whether `folder` is free or holds a version of the same stage key."""
    if not folder.exists():
        return True
    card: dict[str, Any] = storage.find_json(folder / _CARD) or {}
    return card.get("key") == key


def _publish(draft: Path, target: Path, files: Sequence[str]) -> None:
    if not target.exists():
        draft.rename(target)
        storage.sync(target.parent)
        return
    for file in files:
        old = target / file
        if not old.is_file() or storage.digest_file(old) != storage.digest_file(draft / file):
            (draft / file).replace(old)
    storage.sync(target)
