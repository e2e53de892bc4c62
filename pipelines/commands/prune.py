"""`stylefeed prune`: deletes what no feed shows any more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import Json, LogFormat, app, print_result


@app.command()
def prune(
    out: Annotated[Path, typer.Argument(help="The folder of a job or a campaign.")],
    keep: Annotated[
        int | None, typer.Option(min=1, help="Feeds to keep.  [default: feed.keep, 3]")
    ] = None,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Delete old feeds, and the renders, clips and originals that no kept feed names.

    Example: stylefeed prune runs/demo
    """
    from pipelines.jobs.prune import prune as prune_folder

    gone = prune_folder(out, keep)
    counts = ", ".join(
        f"{gone[name]:,} {name}" for name in ("versions", "renders", "clips", "originals")
    )
    print_result(gone, as_json, [f"removed {counts}: {gone['bytes'] / 1e6:,.1f} MB"])
