"""`stylefeed report`: the gallery page."""

from __future__ import annotations

from pipelines.commands.app import Json, LogFormat, Out, Quiet, Workers, app
from pipelines.commands.part import run_part


@app.command()
def report(
    out: Out,
    workers: Workers = None,
    quiet: Quiet = False,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Write the gallery page `report.html`, after `feed` and `evaluate`.

    Example: stylefeed report --out runs/1
    """
    run_part("report", out, workers, as_json)
