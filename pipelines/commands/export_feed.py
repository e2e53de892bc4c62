"""`stylefeed export-feed`: the current feed, ready for a site to read by shopper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import Json, LogFormat, app, print_result

Redis = Annotated[
    str | None, typer.Option(help="A server's URL: redis://HOST:6379/0.  [default: SQLite]")
]

To = Annotated[
    str | None,
    typer.Option(
        help="An object store or folder, s3://BUCKET/PREFIX: files and pictures; or a Delta Lake "
        "table, delta:FOLDER: rows, one commit for each version."
    ),
]


@app.command("export-feed")
def export_feed(
    out: Annotated[Path, typer.Argument(help="The job's folder.")],
    redis: Redis = None,
    to: To = None,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Export the current feed to one SQLite file or to a Redis server, an answer per shopper; or
    copy the feed's files and pictures to an object store, or its rows to a Delta Lake table.

    Example: stylefeed export-feed runs/demo
    """
    from features.schema import ConfigError
    from pipelines.jobs.export_feed import DELTA, commit_feed, copy_feed
    from pipelines.jobs.export_feed import export_feed as export

    if to is not None:
        if redis is not None:
            raise ConfigError("export-feed takes --redis or --to, not both: call it twice")
        if to.startswith(DELTA):
            done = commit_feed(out, to.removeprefix(DELTA))
            said = f"{done['rows']:,} rows" if done["worked"] else "nothing to do"
            said += f": version {done['version']} is commit {done['commit']} of {to}"
            print_result(done, as_json, [said])
            return
        copied = copy_feed(out, to)
        size = f"{copied['files']:,} files, {copied['bytes'] / 2**20:.1f} MiB"
        first = size if copied["worked"] else "nothing to do"
        print_result(copied, as_json, [f"{first}: version {copied['version']} is current at {to}"])
        return
    done = export(out, redis)
    counts = f"{done['users']:,} shoppers, {done['rows']:,} rows of version {done['version']}"
    place = (out / done["to"]).resolve() if redis is None else "the Redis server"
    first = counts if done["worked"] else f"nothing to do: {counts} are there"
    print_result(done, as_json, [first, f"export: {place}"])
