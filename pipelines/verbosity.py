"""What this process tells on stderr while its work goes on: lines for people, or JSON objects."""

from __future__ import annotations

import json
import logging
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
    _print_json("error", f"a bug: {type(error).__name__}", {"traceback": _places(error)})


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
    """Print JSON objects from now on, a line each, or lines for people; what Python libraries warn
    of or log at that level too."""
    global as_json
    as_json = wanted
    logging.getLogger().removeHandler(_OF_LIBRARIES)
    if wanted:
        warnings.showwarning = _warn_of_library
        logging.getLogger().addHandler(_OF_LIBRARIES)


class _LibraryLog(logging.Handler):
    """Prints what libraries log as JSON objects; of an exception, its kind and places alone."""

    def emit(self, record: logging.LogRecord) -> None:
        more: dict[str, Any] = {}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            more = {"error": type(error).__name__, "traceback": _places(error)}
        level = "error" if record.levelno >= logging.ERROR else "warning"
        _print_json(level, f"{record.name}: {record.getMessage()}", more)


_OF_LIBRARIES = _LibraryLog(logging.WARNING)


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


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
