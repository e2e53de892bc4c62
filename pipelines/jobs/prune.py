"""Removes from a job's folder the versions, renders, clips and originals that nothing shows."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from features.schema import InputError
from pipelines.config import RunConfig
from pipelines.stages.road import job_config
from pipelines.stores import storage
from pipelines.stores.clip_store import TABLE as CLIPS
from pipelines.stores.clip_store import made_clips
from pipelines.stores.feed_versions import all_versions, bucket_files, shown_files, version_history
from pipelines.stores.folder_lock import hold_folder
from pipelines.stores.render_store import INDEX, TABLE, known_renders, write_index
from pipelines.stores.workspace import Workspace

# What `feed` names an original: the digest of its content.
_ORIGINAL: Final = re.compile(r"originals/([0-9a-f]{2})/\1[0-9a-f]{30}(\.[^./]*)?")


def prune(out: Path, keep: int | None = None) -> dict[str, Any]:
    """Delete old feed versions of the job in `out`, and the pictures and clips that no feed
    names.

    The last `keep` versions (None: the job's `feed.keep`) and what they, `renders.parquet` and
    `clips.parquet` name are kept. Only files that a job made here go: renders in the index, clips
    with a record, originals named by their
    digest, versions of the feed. Returns how many of each, and `bytes`. Raises InputError where
    `out` holds neither a feed nor renders, another job works there, or a table that says what is
    named cannot be read.
    """
    if not (out / "feed").is_dir() and not (out / TABLE).is_file():
        raise InputError(f"{out} holds neither a feed nor renders: give the folder of a job")
    with hold_folder(out):
        kept = version_history(out)[: keep or _configured(out).feed.keep]
        old = [version for version in all_versions(out) if version not in kept]
        named = _named(out, kept)
        freed = sum(_size(out / "feed" / version) for version in old)
        for version in old:
            shutil.rmtree(out / "feed" / version)
        workspace = Workspace(out)
        known = known_renders(workspace)
        unnamed = known["image_uri"].notna() & ~known["image_uri"].isin(named)
        renders = _remove(out, known.loc[unnamed, "image_uri"])
        if unnamed.any() or not (out / INDEX).is_file():
            write_index(workspace, known[~unnamed])
        old_clips = [pair for pair in made_clips(out) if pair[0] not in named]
        _remove(out, (record for _, record in old_clips))
        clips = _remove(out, (uri for uri, _ in old_clips))
        originals = _remove(out, (uri for uri in _originals(out) if uri not in named))
    return {
        "versions": len(old),
        "renders": renders[0],
        "clips": clips[0],
        "originals": originals[0],
        "bytes": freed + renders[1] + clips[1] + originals[1],
    }


def _configured(out: Path) -> RunConfig:
    return job_config(out) if (out / "job.json").is_file() else RunConfig()


def _named(out: Path, versions: Iterable[str]) -> set[str]:
    """Every file that the feed `versions` or the tables of renders and clips name."""
    named: set[str] = set()
    try:
        if (out / TABLE).is_file():
            named |= set(pd.read_parquet(out / TABLE, columns=["image_uri"])["image_uri"].dropna())
        if (out / CLIPS).is_file():
            named |= set(pd.read_parquet(out / CLIPS, columns=["video_uri"])["video_uri"].dropna())
        for version in versions:
            for bucket in bucket_files(out / "feed" / version):
                named |= shown_files(bucket)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{out}: what the feed shows cannot be read ({words}), so nothing was removed; run "
            "the job again first"
        ) from error
    return named


def _originals(out: Path) -> list[str]:
    files = (file.relative_to(out).as_posix() for file in (out / "originals").glob("*/*"))
    return sorted(name for name in files if _ORIGINAL.fullmatch(name))


def _remove(out: Path, names: Iterable[str]) -> tuple[int, int]:
    """Delete files; returns how many were there, and their bytes."""
    count = size = 0
    for name in names:
        path = out / name
        if path.is_file():
            size += path.stat().st_size
            count += 1
            with storage.naming_write_errors(path):
                path.unlink()
    return count, size


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
