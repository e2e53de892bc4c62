"""`stylefeed studio`: pages on which people see, choose and make looks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from features.schema import InputError
from pipelines.commands.app import LogFormat, app, print_result


@app.command()
def studio(
    out: Annotated[Path, typer.Argument(help="The job's folder.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 8080,
    log_format: LogFormat = "text",
) -> None:
    """Open the studio on a finished run; the address printed logs an engineer in, once.

    Example: stylefeed studio runs/demo --port 8080
    """
    try:
        from pipelines.web import listening as sockets
        from pipelines.web import studio_server
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed: pip install 'stylefeed[studio]'"
        ) from error

    with sockets.listen(host, port) as listening:
        shown_host = f"[{host}]" if ":" in host else host
        address = f"http://{shown_host}:{listening.getsockname()[1]}"
        app_, token = studio_server.open_studio(out, host)
        line = f"studio: {address}/enter?token={token} (opens once)"
        print_result({"address": address}, False, [line])
        sys.stdout.flush()
        studio_server.run(app_, listening)


@app.command("studio-account")
def studio_account(
    out: Annotated[Path, typer.Argument(help="The job's folder.")],
    name: Annotated[str, typer.Argument(help="The name to log in with.")],
    role: Annotated[str, typer.Option(help="shopper, merchandiser or engineer.")],
    shopper: Annotated[
        str | None, typer.Option(help="Whose feed a shopper sees: an id of the feed.")
    ] = None,
) -> None:
    """Add an account of the studio, or give one another password, read from the terminal or stdin.

    Example: stylefeed studio-account runs/demo anna --role merchandiser
    """
    from pipelines.web.studio.access.accounts import ACCOUNTS, Account, Role, add_account

    if not out.is_dir():
        raise InputError(f"{out} is no folder: give that of a job, as `stylefeed run` made it")
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    add_account(out, Account(name, cast(Role, role), shopper), password)
    print_result({}, False, [f"{out / ACCOUNTS}: {name} may enter as {role}"])
