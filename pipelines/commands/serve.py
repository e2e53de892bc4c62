"""`stylefeed serve`: answers a site's questions for a shopper's feed over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from features.schema import InputError
from pipelines.commands.app import Json, LogFormat, app, print_result, say
from pipelines.commands.export_feed import Redis


@app.command()
def serve(
    out: Annotated[Path, typer.Argument(help="The job's folder.")],
    redis: Redis = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 8000,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Answer GET /v1/feed/USER from the export of a job until it is stopped.

    Example: stylefeed serve runs/demo --port 8000
    """
    try:
        from pipelines.web import listening as sockets
        from pipelines.web import server
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed: pip install 'stylefeed[serve]', with --redis also "
            "'stylefeed[redis]'"
        ) from error

    with sockets.listen(host, port) as listening:
        about, warning = server.check_export(out, redis)
        if warning:
            say(warning)
        address = f"http://{host}:{listening.getsockname()[1]}"
        facts = {"version": about.version, "users": about.users, "rows": about.rows}
        lines = [f"version {about.version}, {about.users:,} shoppers: {address}/v1/feed/USER"]
        print_result({"address": address, **facts}, as_json, lines)
        server.run(out, redis, listening)
