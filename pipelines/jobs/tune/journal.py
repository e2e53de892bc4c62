"""Every measured point, on the disk as soon as it is measured."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from features.schema import InputError
from pipelines.jobs.tune.measure import Measured
from pipelines.stores import storage

Side = Literal["tuned", "tested"]
Settings = dict[str, Any]


class Journal:
    """Lines of JSON: first which search it is of, then a point each."""

    def __init__(self, path: Path, identity: str) -> None:
        """Go on with the file at `path`, or begin it; a line half written is left out.

        Raises InputError where it is of another search than `identity` names.
        """
        self._path = path
        self._points: dict[tuple[Side, str], Measured] = {}
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        told = [one for line in lines if (one := _read(line)) is not None]
        if not told:
            storage.write_bytes(path, (json.dumps({"search": identity}) + "\n").encode())
        elif told[0].get("search") != identity:
            raise InputError(
                f"{path} is a search of other tables, pictures, weights, settings, seed or sizes: "
                "go on with the same ones (another method or more points are fine), or choose "
                "another folder"
            )
        for one in told[1:]:
            settings = json.dumps(one["settings"], sort_keys=True)
            self._points[one["side"], settings] = Measured(**one["measured"])
        if len(told) < len(lines):
            kept = "".join(json.dumps(one) + "\n" for one in told)
            storage.write_bytes(path, kept.encode())

    def find(self, side: Side, settings: Settings) -> Measured | None:
        """What was measured at `settings`, if it was."""
        return self._points.get((side, json.dumps(settings, sort_keys=True)))

    def add(self, side: Side, settings: Settings, measured: Measured) -> None:
        """Keep what was measured, on the disk before this returns."""
        self._points[side, json.dumps(settings, sort_keys=True)] = measured
        line = {"side": side, "settings": settings, "measured": measured.to_dict()}
        with storage.naming_write_errors(self._path), self._path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
            log.flush()
            os.fsync(log.fileno())

    def __len__(self) -> int:
        return len(self._points)

    def table(self, present: Settings) -> pd.DataFrame:
        """The tuned points in the order measured, figures first, then all settings.

        `present` are the settings of row 0, and of what a point leaves out.
        """
        rows = [
            {**measured.to_dict(), **present, **json.loads(text)}
            for (side, text), measured in self._points.items()
            if side == "tuned"
        ]
        return pd.DataFrame(rows)

    def settings(self, row: int) -> Settings:
        """The settings that a row of `table` lays over the present ones, by dotted key."""
        texts = [text for side, text in self._points if side == "tuned"]
        found: Settings = json.loads(texts[row])
        return found


def _read(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
