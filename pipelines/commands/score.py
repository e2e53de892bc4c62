"""`stylefeed score`: what each shopper likes and is recommended."""

from __future__ import annotations

from pipelines.commands.app import Json, LogFormat, Out, Quiet, Workers, app
from pipelines.commands.part import run_part


@app.command()
def score(
    out: Out,
    workers: Workers = None,
    quiet: Quiet = False,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Write each shopper's tastes and recommended items, with the models of `fit`.

    Example: stylefeed score --out runs/1
    """
    run_part("score", out, workers, as_json)
