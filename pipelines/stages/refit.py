"""Whether what was learned from a log may stay now that the log is longer."""

from __future__ import annotations

import dataclasses
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from pipelines.config import RunConfig, StageConfig
from pipelines.stages.encode import STYLE_SPACE
from pipelines.stores import storage
from pipelines.stores.event_buckets import FACTS, LogFacts, read_bucket
from pipelines.stores.event_digests import log_digest
from pipelines.stores.workspace import StageFolder, damaged_artefacts, find_record

LEARNED_FROM: Final = {
    "fit": "models/learned_from.json",
    "evaluate": "tables/evaluated_from.json",
}
"""The stages that learn from the log, and where each says from what."""
_TABLES: Final = (
    *("tables/items.parquet", "tables/styles.parquet"),
    *("tables/item_pictures.parquet", "tables/look_pictures.parquet", STYLE_SPACE),
)


def note_learned(folder: StageFolder, config: RunConfig | StageConfig) -> None:
    """Write what the folder's stage has learned from: settings, tables, and the log as it is.

    Only where `fit.refit_after` may let it stay.
    """
    path = folder.path(LEARNED_FROM[folder.stage.name])
    path.unlink(missing_ok=True)
    if not config.fit.refit_after:
        return
    facts = LogFacts.load(folder.path(FACTS))
    _, digest = _until(folder, facts, facts.last)
    told = {
        "identity": _identity(folder, config),
        "rows": facts.rows,
        "until": str(facts.last),
        "log": digest,
    }
    storage.write_json(path, told)


def keep_learned(folder: StageFolder, config: RunConfig | StageConfig) -> bool:
    """Let the folder's stage stay as it is, under its new key, where that is right; says whether.

    It is where the stage learned from the first part of this log, by the same settings and tables,
    its artefacts are whole, and what came since is at most `fit.refit_after` of the events it
    learned from. An event taken out of the log, or one that came late, calls for a new fit.
    """
    stage, root = folder.stage, folder.root
    record = find_record(folder, stage.name)
    if record is None or record["key"] == folder.key or not config.fit.refit_after:
        return False
    told = storage.find_json(folder.path(LEARNED_FROM[stage.name]))
    facts = LogFacts.load(folder.path(FACTS))
    if told is None or facts.rows > told["rows"] * (1.0 + config.fit.refit_after):
        return False
    if told["identity"] != _identity(folder, config):
        return False
    same = (told["rows"], told["log"])
    if _until(folder, facts, pd.Timestamp(told["until"])) != same:
        return False
    if damaged_artefacts(root, record["artefacts"]):
        return False
    counts = {**record["counts"], "events_since": facts.rows - told["rows"]}
    storage.write_json(
        root / f"stages/{stage.name}.json", {**record, "key": folder.key, "counts": counts}
    )
    return True


def _until(folder: StageFolder, facts: LogFacts, last: pd.Timestamp) -> tuple[int, int]:
    """How many events the log has up to the time `last`, and their digest."""
    rows, digest = 0, np.uint64(0)
    with np.errstate(over="ignore"):
        for bucket in range(facts.buckets):
            events = read_bucket(folder, bucket)
            events = events[events["timestamp"] <= last]
            rows += len(events)
            digest += np.uint64(log_digest(events))
    return rows, int(digest)


def _identity(folder: StageFolder, config: RunConfig | StageConfig) -> str:
    """Digest of all that decides what the stage learns, but the log."""
    settings: dict[str, Any] = {name: getattr(config, name) for name in folder.stage.settings}
    settings["fit"] = dataclasses.replace(config.fit, refit_after=0.0)
    plain = {
        name: dataclasses.asdict(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type)
        else value
        for name, value in settings.items()
    }
    files = {name: _digest(folder.path(name)) for name in _TABLES}
    return storage.digest_json(
        {
            "settings": plain,
            "files": files,
            "code": version("stylefeed"),
            "revision": folder.stage.revision,
        }
    )


def _digest(path: Path) -> str:
    return storage.digest_file(path) if path.is_file() else ""
