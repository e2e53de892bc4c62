"""A job's folder: its tables, its stages' records, and what was set aside."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from features.schema import ContractError, InputError
from pipelines.limits import LimitConfig, check_set_aside
from pipelines.stores import storage
from pipelines.stores.picture_files import job_root

REJECT_COLUMNS = ("table", "row", "key", "reason", "got")
LEFT_FOR_NEXT_RUN: Final = "left_for_next_run"
"""The count of a stage that had no time for all its work: the same stage runs again next time."""
_READERS = 4


@dataclass(frozen=True)
class Workspace:
    """The folder a job writes; every artefact's path is relative to `root`."""

    root: Path

    def path(self, name: str) -> Path:
        """Where the artefact `name` is, or will be."""
        return self.root / name

    def read(self, name: str) -> pd.DataFrame:
        """The table `name`, e.g. `tables/items.parquet`."""
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

    def keep(self, names: Iterable[str]) -> None:
        """Name files of a store, such as `renders/`, that are artefacts of what is running."""


@dataclass(frozen=True)
class Stage:
    """One step of the road: a function of its folder, redone only when its inputs change.

    `needs` are the stages that must be done first; their keys are part of its own, but for a stage
    whose `keyed_by` says otherwise. `settings` are the parts of the config it may see, `reads` the
    artefacts, and folders of them, that it may read, `facts` what it may know of the job
    (`inputs`, `run_id`). It leaves the files and folders `artefacts`, and in each of the folders
    `stores`, which outlive it, the files that it keeps; the artefacts `replaces` it finds as they
    were, and replaces them whole. `revision` goes up with every change of what it computes from the
    same inputs.
    """

    name: str
    run: Callable[[StageFolder, Any], dict[str, Any]]
    needs: tuple[str, ...]
    settings: tuple[str, ...]
    artefacts: tuple[str, ...]
    reads: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    keyed_by: tuple[str, ...] | None = None
    revision: int = 1


@dataclass(frozen=True)
class StageFolder(Workspace):
    """The folder as one stage sees it: what it did not declare it cannot read or write."""

    stage: Stage
    key: str
    job: Mapping[str, Any]
    kept: set[str] = field(default_factory=set)

    def path(self, name: str) -> Path:
        """Where the artefact `name` is; raises ContractError on one that is not declared."""
        self._require(name, (*self.stage.reads, *self.stage.artefacts, *self.stage.stores))
        return self.root / name

    def write(
        self, name: str, table: pd.DataFrame, types: Mapping[str, pa.DataType] | None = None
    ) -> None:
        """Write the table `name`; raises ContractError on one that is not the stage's own."""
        self._require(name, (*self.stage.artefacts, *self.stage.stores))
        super().write(name, table, types)

    def keep(self, names: Iterable[str]) -> None:
        """Name files of the stage's stores that are its artefacts."""
        for name in names:
            self._require(name, self.stage.stores)
            self.kept.add(name)

    @property
    def inputs(self) -> dict[str, Path]:
        """The job's input tables by name, for a stage that declared to know them."""
        return {name: Path(source) for name, source in self.fact("inputs").items()}

    def picture_root(self, table: str, paths: Iterable[str]) -> Path:
        """Where the picture `paths` of the input `table` start from, as `job_root` finds it."""
        return job_root(dict(self.job), table, paths)

    @property
    def run_id(self) -> str:
        """The job's run id, for a stage that declared to know it."""
        return str(self.fact("run_id"))

    def fact(self, name: str) -> Any:
        """What job.json says by `name`; raises ContractError on what is not declared."""
        if name not in self.stage.facts:
            raise ContractError(
                f"stage {self.stage.name!r} asks for the job's {name!r}: add it to its facts"
            )
        return self.job[name]

    def _require(self, name: str, declared: Iterable[str]) -> None:
        if not any(name == known or name.startswith(f"{known}/") for known in declared):
            raise ContractError(
                f"stage {self.stage.name!r} touches {name!r}: declare it in its reads or artefacts"
            )


def read_record(workspace: Workspace, stage: str) -> dict[str, Any]:
    """What a finished stage left: key, counts, seconds, artefacts with size and digest.

    Raises InputError when the stage has not finished in this folder, or its record is torn.
    """
    record = find_record(workspace, stage)
    if record is None:
        raise InputError(
            f"{workspace.root} has no finished {stage!r} stage; run `stylefeed run` there, "
            "or the stages before this one, first"
        )
    return record


def find_record(workspace: Workspace, stage: str) -> dict[str, Any] | None:
    """The record of a finished stage; None where there is none or it cannot be read."""
    record = storage.find_json(workspace.root / f"stages/{stage}.json")
    whole = record is not None and {"key", "counts", "seconds", "artefacts"} <= set(record)
    return record if whole else None


def damaged_artefacts(root: Path, artefacts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Which of the recorded `artefacts` below `root` are gone or hold other bytes, sorted."""

    def differs(entry: tuple[str, Mapping[str, Any]]) -> bool:
        path, kept = root / entry[0], entry[1]
        try:
            if path.stat().st_size != kept["bytes"]:
                return True
            return bool(storage.digest_file(path) != kept["digest"])
        except OSError:
            return True

    # Threads: the digest of a large file does not hold the interpreter up.
    with ThreadPoolExecutor(_READERS) as readers:
        wrong = readers.map(differs, artefacts.items())
        return sorted(name for name, bad in zip(artefacts, wrong, strict=True) if bad)


def stage_key(stage: Stage, config: Mapping[str, Any], upstream: Mapping[str, str]) -> str:
    """Digest of all that decides the stage's result: its revision, inputs and settings."""
    return storage.digest_json(
        {
            "stage": stage.name,
            "revision": stage.revision,
            "upstream": dict(upstream),
            "settings": {name: config[name] for name in stage.settings},
        }
    )


def run_stage(folder: StageFolder, config: Any, limits: LimitConfig) -> dict[str, Any] | None:
    """Run the folder's stage unless its record has the same key and its artefacts are whole.

    Returns the new record, None where there was no work to do; what a stage left for the next run
    is work to do. The stage finds the folders that are its artefacts empty, but those it replaces:
    what other inputs or a run that was killed left there may be of shoppers who are to be gone. The
    record is written last, so a killed stage runs again. Raises InputError, and leaves no record,
    where the stage set more aside than `limits` allow.
    """
    stage, path = folder.stage, folder.root / f"stages/{folder.stage.name}.json"
    record = find_record(folder, stage.name)
    known = record is not None and record["key"] == folder.key
    known = known and not (record and record["counts"].get(LEFT_FOR_NEXT_RUN))
    if known and record and not damaged_artefacts(folder.root, record["artefacts"]):
        _check(stage, record["counts"], limits)
        return None
    _remove(path)
    for name in set(stage.artefacts) - set(stage.replaces):
        _remove_folder(folder.root / name)
    started = time.perf_counter()
    counts = stage.run(folder, config)
    _check(stage, counts, limits)
    record = {
        "key": folder.key,
        "counts": counts,
        "seconds": round(time.perf_counter() - started, 3),
        "artefacts": _describe(folder),
    }
    storage.write_json(path, record)
    return record


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage.write_error(path, error) from error


def _remove_folder(path: Path) -> None:
    if path.is_dir():
        with storage.naming_write_errors(path):
            shutil.rmtree(path)


def _check(stage: Stage, counts: Mapping[str, Any], limits: LimitConfig) -> None:
    for told in counts.get("set_aside", []):
        check_set_aside(stage.name, told, limits)


def _describe(folder: StageFolder) -> dict[str, dict[str, Any]]:
    files = {folder.root / name for name in folder.kept}
    for name in folder.stage.artefacts:
        root = folder.root / name
        files |= set(root.rglob("*")) if root.is_dir() else {root}
    return {
        file.relative_to(folder.root).as_posix(): {
            "bytes": file.stat().st_size,
            "digest": storage.digest_file(file),
        }
        for file in sorted(files)
        if file.is_file()
    }
