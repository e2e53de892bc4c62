"""A job's folder: its tables, its stages' records, and what was set aside."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from features.schema import InputError
from pipelines import storage

REJECT_COLUMNS = ("table", "row", "key", "reason", "got")


@dataclass(frozen=True)
class Workspace:
    """The folder a job writes; every artefact's path is relative to `root`."""

    root: Path

    def path(self, name: str) -> Path:
        """Where the artefact `name` is, or will be."""
        return self.root / name

    def read(self, name: str) -> pd.DataFrame:
        """The table `name`, e.g. `tables/events.parquet`."""
        return pd.read_parquet(self.path(name))

    def write(
        self, name: str, table: pd.DataFrame, types: Mapping[str, pa.DataType] | None = None
    ) -> None:
        """Write the table `name`, whole or not at all; `types` as `storage.write_table` takes."""
        storage.write_table(self.path(name), table, types)

    def set_aside(self, stage: str, rejects: pd.DataFrame | Sequence[Mapping[str, Any]]) -> int:
        """Write what `stage` could not use to `rejects/<stage>.csv`; returns how many rows."""
        table = pd.DataFrame(rejects, columns=list(REJECT_COLUMNS))
        storage.write_table(self.path(f"rejects/{stage}.csv"), table)
        return len(table)


@dataclass(frozen=True)
class Stage:
    """One step of the road: a function of the workspace, redone only when its inputs change.

    `needs` are the stages whose artefacts it reads, `settings` the parts of the config it obeys,
    `artefacts` the files it leaves.
    """

    name: str
    run: Callable[[Workspace, Any], dict[str, Any]]
    needs: tuple[str, ...]
    settings: tuple[str, ...]
    artefacts: tuple[str, ...]


def _record_path(workspace: Workspace, stage: str) -> Path:
    return workspace.path(f"stages/{stage}.json")


def read_record(workspace: Workspace, stage: str) -> dict[str, Any]:
    """What a finished stage left: key, counts, seconds, artefacts with size and digest.

    Raises InputError when the stage has not finished in this folder.
    """
    path = _record_path(workspace, stage)
    if not path.is_file():
        raise InputError(
            f"{workspace.root} has no finished {stage!r} stage; run `stylefeed run` there, "
            "or the stages before this one, first"
        )
    record: dict[str, Any] = storage.read_json(path)
    return record


def _is_whole(workspace: Workspace, artefacts: Mapping[str, Mapping[str, Any]]) -> bool:
    for name, kept in artefacts.items():
        path = workspace.path(name)
        if not path.is_file() or path.stat().st_size != kept["bytes"]:
            return False
    return True


def stage_key(stage: Stage, config: Mapping[str, Any], upstream: Mapping[str, str]) -> str:
    """Digest of all that decides the stage's result: code version, inputs and settings."""
    return storage.digest_json(
        {
            "stage": stage.name,
            "upstream": dict(upstream),
            "settings": {name: config[name] for name in stage.settings},
        }
    )


def run_stage(workspace: Workspace, stage: Stage, config: Any, key: str) -> bool:
    """Run `stage` unless its record has the same `key` and its artefacts are whole.

    Returns whether any work was done. The record is written last, so a killed stage runs again.
    """
    path = _record_path(workspace, stage.name)
    if path.is_file():
        record = storage.read_json(path)
        if record["key"] == key and _is_whole(workspace, record["artefacts"]):
            return False
        path.unlink()
    started = time.perf_counter()
    counts = stage.run(workspace, config)
    storage.write_json(
        path,
        {
            "key": key,
            "counts": counts,
            "seconds": round(time.perf_counter() - started, 3),
            "artefacts": _describe(workspace, stage.artefacts),
        },
    )
    return True


def _describe(workspace: Workspace, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    described = {}
    for name in names:
        root = workspace.path(name)
        files = sorted(root.rglob("*")) if root.is_dir() else [root]
        for file in files:
            if file.is_file():
                described[file.relative_to(workspace.root).as_posix()] = {
                    "bytes": file.stat().st_size,
                    "digest": storage.digest_file(file),
                }
    return described
