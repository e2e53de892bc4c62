"""The commands that do a part of the road in a job's folder, with the settings of its start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.commands.app import print_result, say


def run_part(command: str, out: Path, workers: int | None, as_json: bool) -> None:
    """Run the stages behind `command` in the folder `out` and print what they counted."""
    from pipelines.stages.road import run_part as run_job_part

    print_part(run_job_part(command, out, say, workers=workers), as_json)


def print_part(done: dict[str, Any], as_json: bool) -> None:
    """Print what a part of the road did: the stages that worked, and their records."""
    worked = done["worked"]
    lines = [f"done: {', '.join(worked)}" if worked else "nothing to do: already done"]
    if done["prepared"]:
        lines += set_aside_lines(done["prepared"])
    print_result({"worked": worked, "stages": done["stages"]}, as_json, lines)


def set_aside_lines(counts: dict[str, Any]) -> list[str]:
    """What `prepare` set aside and why, most frequent first; a line per reason."""
    return [
        f"set aside: {n:,} {what}: {reason}"
        for what, by in (("rows", "rejects_by_reason"), ("values", "values_by_reason"))
        for reason, n in sorted(counts[by].items(), key=lambda pair: (-pair[1], pair[0]))
    ]
