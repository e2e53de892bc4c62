"""`stylefeed evaluate`: how good the models are."""

from __future__ import annotations

from pipelines.commands.app import Json, LogFormat, Out, Quiet, Workers, app
from pipelines.commands.part import run_part


@app.command()
def evaluate(
    out: Out,
    workers: Workers = None,
    quiet: Quiet = False,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Judge models fitted before a cut in time by what shoppers did after it.

    Example: stylefeed evaluate --out runs/1
    """
    run_part("evaluate", out, workers, as_json)
