"""Lists the runs of a job's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from features.schema import InputError
from pipelines.stores.run_history import read_history

_HEAD: Final = ("started (UTC)", "command", "run", "seconds", "rows", "rejects", "renders", "exit")


def list_runs(out: Path) -> list[dict[str, Any]]:
    """Every run in `out` that started, the oldest first, as `read_history` tells it.

    Raises InputError where `out` has no history.
    """
    runs = read_history(out)
    if not runs:
        raise InputError(f"{out} has no history of runs: give the folder of `stylefeed run`")
    return runs


def run_lines(runs: list[dict[str, Any]]) -> list[str]:
    """The runs for people: a table, and below each run the seconds of its stages."""
    table = [_HEAD, *(_cells(run) for run in runs)]
    widths = [max(len(row[at]) for row in table) for at in range(len(_HEAD))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
    for at, run in reversed(list(enumerate(runs, 1))):
        if run.get("stages"):
            told = ", ".join(f"{name} {seconds:,.1f}" for name, seconds in run["stages"].items())
            lines.insert(at + 1, f"    {told}")
    return lines


def _cells(run: dict[str, Any]) -> tuple[str, ...]:
    def number(name: str) -> str:
        return "-" if run.get(name) is None else f"{run[name]:,}"

    started = str(run["started_utc"]).removesuffix("+00:00").replace("T", " ")
    figures = (number(name) for name in ("rows", "rejects", "renders"))
    seconds = "-" if run.get("seconds") is None else f"{run['seconds']:,.0f}"
    run_id = str(run.get("run_id") or "-")
    return (
        started,
        str(run["command"]),
        run_id,
        seconds,
        *figures,
        " ".join(str(run["exit"]).split()),
    )
