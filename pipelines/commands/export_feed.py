"""`stylefeed export-feed`: the current feed, ready for a site to read by shopper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import Json, LogFormat, app, print_result

Redis = Annotated[
    str | None, typer.Option(help="A server's URL: redis://HOST:6379/0.  [default: SQLite]")
]


@app.command("export-feed")
def export_feed(
    out: Annotated[Path, typer.Argument(help="The job's folder.")],
    redis: Redis = None,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Export the current feed to one SQLite file, or to a Redis server, an answer per shopper.

    Example: stylefeed export-feed runs/demo
    """
    from pipelines.jobs.export_feed import export_feed as export

    done = export(out, redis)
    counts = f"{done['users']:,} shoppers, {done['rows']:,} rows of version {done['version']}"
    place = (out / done["to"]).resolve() if redis is None else "the Redis server"
    first = counts if done["worked"] else f"nothing to do: {counts} are there"
    print_result(done, as_json, [first, f"export: {place}"])
