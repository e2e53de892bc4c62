"""`stylefeed feed`: looks, pictures and the feed."""

from __future__ import annotations

from pipelines.commands.app import Json, LogFormat, Out, Quiet, Workers, app
from pipelines.commands.part import run_part


@app.command()
def feed(
    out: Out,
    workers: Workers = None,
    quiet: Quiet = False,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Choose the looks, paint the pictures and write the feed, after `score`.

    Example: stylefeed feed --out runs/1
    """
    run_part("feed", out, workers, as_json)
