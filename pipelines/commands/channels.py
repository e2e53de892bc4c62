"""`stylefeed channels`: pictures as channels ask for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import (
    Config,
    Json,
    LogFormat,
    Out,
    Pictures,
    Quiet,
    Workers,
    app,
    print_result,
)


@app.command()
def channels(
    renders: Annotated[Path, typer.Option(help="The folder of `render`, or of a job.")],
    out: Out,
    items: Annotated[
        Path | None, typer.Option(help="The items' table.  [default: the job's own]")
    ] = None,
    pictures: Pictures = None,
    channel: Annotated[
        str | None,
        typer.Option(help="Some of web,app,email,marketplace,social.  [default: all]"),
    ] = None,
    config: Config = None,
    workers: Workers = None,
    quiet: Quiet = False,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Cut renders to channels: size, safe area, format and weight of each.

    Example: stylefeed channels --renders runs/demo --out runs/demo-channels --channel web,email
    """
    from pipelines.config import load_config
    from pipelines.jobs.channels import channel_lines, make_channels

    names = None if channel is None else [name.strip() for name in channel.split(",")]
    settings = load_config(config, workers=workers)
    told = make_channels(renders, out, settings, names, items, pictures)
    print_result(told, as_json, channel_lines(told))
