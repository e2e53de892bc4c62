"""The commands that do a part of the road in a job's folder, with the settings of its start."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from pipelines.commands.app import print_result, say


def run_part(command: str, out: Path, workers: int | None, as_json: bool) -> None:
    """Run the stages behind `command` in the folder `out` and print what they counted."""
    from pipelines.jobs.run import COMMANDS, job_config, open_job, run_stages
    from pipelines.workspace import read_record

    settings = job_config(out)
    if workers is not None:
        settings = dataclasses.replace(settings, workers=workers)
    workspace, job = open_job(out, None, settings)
    worked = run_stages(workspace, job, settings, COMMANDS[command], say)
    records = {name: read_record(workspace, name) for name in COMMANDS[command]}
    lines = [f"done: {', '.join(worked)}" if worked else "nothing to do: already done"]
    if command in ("fit", "evaluate"):
        lines += set_aside_lines(read_record(workspace, "prepare")["counts"])
    print_result({"worked": worked, "stages": records}, as_json, lines)


def set_aside_lines(counts: dict[str, Any]) -> list[str]:
    """What `prepare` set aside and why, most frequent first; a line per reason."""
    return [
        f"set aside: {n:,} {what}: {reason}"
        for what, by in (("rows", "rejects_by_reason"), ("values", "values_by_reason"))
        for reason, n in sorted(counts[by].items(), key=lambda pair: (-pair[1], pair[0]))
    ]
