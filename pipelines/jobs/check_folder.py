"""Whether the files of a job are those it wrote: every artefact by its digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from features.schema import InputError
from pipelines.stores import storage
from pipelines.stores.feed_versions import SHOWN, all_versions, read_version, version_history
from pipelines.stores.folder_lock import hold_folder
from pipelines.stores.render_store import TABLE, known_renders, whole_renders
from pipelines.stores.workspace import Workspace, damaged_artefacts, find_record


def check_folder(out: Path) -> dict[str, Any]:
    """Compare every artefact of the job in `out` with its record, JSON-able.

    `damaged` maps a stage to the artefacts that are gone or hold other bytes; `torn` lists records
    and tables that cannot be read, `feeds` each kept version's rows that name pictures or clips
    which are not there. `ok` is whether there is nothing of either. Nothing is changed but for
    leftovers of killed jobs, which go. Raises InputError where `out` holds neither a job nor
    renders, or a job works there.
    """
    records = {path.stem: path for path in sorted((out / "stages").glob("*.json"))}
    if not records and not (out / TABLE).is_file():
        raise InputError(f"{out} holds neither a job nor renders: give the folder of a job")
    with hold_folder(out):
        workspace = Workspace(out)
        torn = [f"stages/{stage}.json" for stage in records if not find_record(workspace, stage)]
        files = ("job.json", "manifest.json")
        torn += [n for n in files if (out / n).is_file() and storage.find_json(out / n) is None]
        damaged, checked = {}, 0
        for stage in records:
            artefacts = (find_record(workspace, stage) or {"artefacts": {}})["artefacts"]
            checked += len(artefacts)
            wrong = damaged_artefacts(out, artefacts)
            if wrong:
                damaged[stage] = wrong
        store = known_renders(workspace)
        lost = set(store["image_uri"]) - set(whole_renders(out, store)["image_uri"])
        feeds = {}
        for version in all_versions(out):
            try:
                feeds[version] = _missing_pictures(out, version)
            except (OSError, ValueError, KeyError, pa.ArrowException):
                torn.append(f"feed/{version}")
        history = version_history(out)
    return {
        "ok": not (torn or damaged or lost or any(feeds.values())),
        "artefacts": checked,
        "torn": torn,
        "damaged": damaged,
        "renders": len(store),
        "damaged_renders": sorted(str(uri) for uri in lost),
        "feeds": feeds,
        "current_feed": history[0] if history else None,
    }


def _missing_pictures(out: Path, version: str) -> int:
    rows = read_version(out / "feed" / version, list(SHOWN))
    missing = pd.Series(False, index=rows.index)
    for uris in (rows[name] for name in SHOWN):
        # Null where the catalogue has no pictures at all, and where there is no clip.
        gone = [uri for uri in uris.dropna().unique() if not (out / uri).is_file()]
        missing |= uris.isin(gone)
    return int(missing.sum())


def folder_lines(found: dict[str, Any]) -> list[str]:
    """The result of `check_folder` for people."""
    lines = [
        f"{found['artefacts']:,} artefacts and {found['renders']:,} renders checked by digest; "
        f"current feed: {found['current_feed'] or 'none'}"
    ]
    lines += [f"cannot be read: {name}" for name in found["torn"]]
    for stage, names in found["damaged"].items():
        lines += [f"missing or damaged, of {stage}: {name}" for name in names]
    lines += [f"missing or damaged render: {uri}" for uri in found["damaged_renders"]]
    for version, rows in found["feeds"].items():
        if rows:
            lines.append(f"feed {version}: {rows:,} rows name pictures or clips that are not there")
    if found["ok"]:
        return [*lines, "all as the job wrote it"]
    return [*lines, "run the job again to make what is missing or damaged"]
