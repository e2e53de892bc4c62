"""What became of every run in a folder: two lines for each, when it starts and when it ends."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from features.schema import StylefeedError
from pipelines.stores import storage
from pipelines.verbosity import warn

HISTORY: Final = "runs.jsonl"
DONE: Final = "done"
KILLED: Final = "killed"


@dataclass
class Attempt:
    """One run: the `seconds` of the stages that had work, the `counts` of those that are done."""

    path: Path
    command: str
    run_id: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    _name: str = field(default_factory=lambda: secrets.token_hex(6))
    _begun: float = field(default_factory=time.monotonic)
    _started: bool = False

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._begun

    def start(self, run_id: str | None = None) -> None:
        """Note that the run has started, once, and its id where it is known."""
        self.run_id = run_id
        if not self._started:
            told = {"attempt": self._name, "command": self.command, "started_utc": _now()}
            self._started = _append(self.path, told)

    def end(self, why: str) -> None:
        """Note how a run that has started ended."""
        if self._started:
            seconds = round(self.elapsed, 3)
            end = {"attempt": self._name, "ended_utc": _now(), "seconds": seconds, "exit": why}
            _append(self.path, {**end, **self._facts()})

    def finish(self, stage: str, record: Mapping[str, Any]) -> None:
        """Note the record of a stage that had work."""
        self.seconds[stage] = float(record["seconds"])
        self.counts[stage] = record["counts"]

    def _facts(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "stages": self.seconds,
            "rows": self.counts.get("feed", {}).get("rows"),
            "rejects": sum(int(told.get("rejects", 0)) for told in self.counts.values()),
            "renders": self.counts.get("render", {}).get("renders"),
            "painted": self.counts["render"]["painted"] if "render" in self.seconds else 0,
        }


@contextmanager
def recording(out: Path, command: str) -> Iterator[Attempt]:
    """Append to the history of `out` that `command` starts, and how the block ends.

    A run that is killed leaves its first line alone. The words of errors that are no bugs are kept.
    In a folder that holds no job yet the block says when the run has started, so that one that is
    refused leaves nothing. A history that cannot be written is a warning.
    """
    attempt = Attempt(out / HISTORY, command)
    if (out / "job.json").is_file():
        attempt.start()
    why = DONE
    try:
        yield attempt
    except BaseException as error:
        told = isinstance(error, StylefeedError)
        why = f"{type(error).__name__}: {error}" if told else type(error).__name__
        raise
    finally:
        attempt.end(why)


def read_history(out: Path) -> list[dict[str, Any]]:
    """What is known of every run in `out`, the oldest first; a torn line is passed over.

    Of a run that did not end there is `exit` alone, `KILLED`, beside what its start told: it was
    killed, or is running.
    """
    try:
        lines = (out / HISTORY).read_bytes().splitlines()
    except OSError:
        return []
    runs: dict[str, dict[str, Any]] = {}
    for line in lines:
        try:
            told = json.loads(line)
            name = told["attempt"]
        except (ValueError, TypeError, KeyError):
            continue
        runs.setdefault(name, {"exit": KILLED}).update(told)
    return [run for run in runs.values() if "started_utc" in run]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _append(path: Path, told: Mapping[str, Any]) -> bool:
    """Append one line, after the end of one that was cut short; returns whether it was written."""
    line = json.dumps(told, ensure_ascii=False).encode() + b"\n"
    try:
        with path.open("a+b") as stream:
            size = stream.seek(0, os.SEEK_END)
            if size:
                stream.seek(size - 1)
                line = line if stream.read(1) == b"\n" else b"\n" + line
            stream.write(line)
    except OSError as error:
        warn(f"{storage.write_error(path, error)}; the run is not in the history")
        return False
    return True
