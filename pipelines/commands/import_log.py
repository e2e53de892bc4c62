"""`stylefeed import`: raw files into the tables and pictures that `run` takes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.commands.app import (
    Columns,
    EventTypes,
    Json,
    Quiet,
    app,
    folder_option,
    print_result,
)


@app.command("import")
def import_log(
    layout: Annotated[
        str,
        typer.Argument(
            help="csv, hm, movielens, online-retail, open-bandit or retailrocket.",
        ),
    ],
    files: Annotated[
        list[Path],
        typer.Argument(help="Its folder or files; for csv the log and, if any, the catalogue."),
    ],
    out: Annotated[Path, folder_option("Where the tables and pictures go; made if missing.")],
    columns: Columns = None,
    event_types: EventTypes = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Bring a log in a public layout, or any CSV by a mapping of its columns.

    Example: stylefeed import movielens ml-100k --out shop
    """
    from pipelines.config import load_config, log_settings
    from pipelines.jobs.import_log import import_files

    log = load_config(None, log=log_settings(columns, event_types, None)).log
    counts = import_files(layout, files, out, log)
    print_result(counts, as_json, _lines(counts, out))


def _lines(counts: dict[str, Any], out: Path) -> list[str]:
    lines = [] if counts["worked"] else ["nothing to do: these files are imported already"]
    lines.append(
        f"{counts['events']:,} events of {counts['users']:,} shoppers, {counts['items']:,} items"
    )
    lines += [f"set aside: {n:,} rows: {why}" for why, n in sorted(counts["set_aside"].items())]
    if not counts["pictures"]:
        lines.append(
            "no pictures: items are recommended without any and shown in no look; for pictures "
            "fill the column image_path of items.csv"
        )
    elif counts["pictures_missing"]:
        lines.append(f"pictures: {counts['pictures']:,}, {counts['pictures_missing']:,} missing")
    else:
        lines.append(f"pictures: {counts['pictures']:,}")
    if counts["sample_looks"]:
        lines.append(
            f"looks: {counts['sample_looks']} samples of the package in styles.csv; put your own "
            "there"
        )
    tables = {"events": "events.parquet", "items": "items.csv", "styles": "styles.csv"}
    given = " ".join(f"--{name} {shlex.quote(str(out / file))}" for name, file in tables.items())
    lines.append(f"next: stylefeed run {given} --out {shlex.quote(str(out / 'job'))}")
    return lines
