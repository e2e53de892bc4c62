"""`stylefeed runs`: every run of a job's folder, and how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import Json, app, print_result


@app.command()
def runs(
    out: Annotated[Path, typer.Argument(help="The job's folder.")], as_json: Json = False
) -> None:
    """List the runs of a folder: start, seconds by stage, rows, rejects, renders, how it ended.

    Example: stylefeed runs runs/demo
    """
    from pipelines.jobs.runs import list_runs, run_lines

    found = list_runs(out)
    print_result({"runs": found}, as_json, run_lines(found))
