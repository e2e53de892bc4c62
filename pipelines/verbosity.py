"""What this process tells on stderr while its work goes on: lines for people, or JSON objects."""

from __future__ import annotations

import json
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

quiet = False
as_json = False
_stage: str | None = None
_counts: Mapping[str, Any] = {}


def warn(line: str) -> None:
    """Print one line on stderr that a person should see although the job goes on."""
    _print("warning", line, f"warning: {line}")


def tell(line: str) -> None:
    """Print one line on stderr on how the work goes on, unless it is to be quiet."""
    if not quiet:
        _print("info", line, line)


def fail(line: str) -> None:
    """Print the one line on stderr that says why the command failed."""
    _print("error", line, f"stylefeed: {line}")


def fail_with_a_bug(error: Exception) -> None:
    """Print the kind of an error and where it was raised; its words, which may name a shopper, are
    left to the traceback for people."""
    where = [
        f"{place.filename}:{place.lineno} {place.name}"
        for place in traceback.extract_tb(error.__traceback__)
    ]
    _print_json("error", f"a bug: {type(error).__name__}", {"traceback": where})


@contextmanager
def about(stage: str, counts: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Let what is told in the block be of `stage` and of `counts` that are whole numbers."""
    global _stage, _counts
    before = _stage, _counts
    _stage, _counts = stage, counts or {}
    try:
        yield
    finally:
        _stage, _counts = before


def use_json(wanted: bool) -> None:
    """Print JSON objects from now on, a line each, or lines for people; libraries' warnings too."""
    global as_json
    as_json = wanted
    if wanted:
        warnings.showwarning = _warn_of_library


def _warn_of_library(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    warn(f"{category.__name__}: {message}")


def _print(level: str, message: str, line: str) -> None:
    if as_json:
        _print_json(level, message)
    else:
        print(line, file=sys.stderr, flush=True)


def _print_json(level: str, message: str, more: Mapping[str, Any] | None = None) -> None:
    told = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "stage": _stage,
        "message": message,
        "counts": {name: n for name, n in _counts.items() if type(n) is int},
        **(more or {}),
    }
    print(json.dumps(told, ensure_ascii=False), file=sys.stderr, flush=True)
