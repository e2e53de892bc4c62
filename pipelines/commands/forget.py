"""`stylefeed forget`: takes shoppers out of a job's folder for good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import Json, LogFormat, app, print_result


@app.command()
def forget(
    users: Annotated[list[str], typer.Argument(help="Ids of shoppers, as in the log.")],
    out: Annotated[Path, typer.Option(help="The job's folder.")],
    redis: Annotated[
        str | None, typer.Option(help="Also take them out of this server: redis://HOST:6379/0.")
    ] = None,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Remove shoppers from a job's folder, search that nothing is left, and keep them out.

    The key of the tombstones is in STYLEFEED_PRIVACY_KEY.
    Example: stylefeed forget u0042 --out runs/demo
    """
    from pipelines.jobs.forget import forget as forget_shoppers
    from pipelines.jobs.forget import forget_lines

    done = forget_shoppers(out, users, redis)
    print_result(done, as_json, forget_lines(done))
    if done["left"]:
        raise typer.Exit(1)
