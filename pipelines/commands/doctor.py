"""`stylefeed doctor`: where a picture comes from, and whether the installation is sound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import Json, app, print_result


@app.command()
def doctor(
    image: Annotated[Path | None, typer.Argument(help="A picture to inspect.")] = None,
    key: Annotated[int | None, typer.Option(help="Key of the watermark.")] = None,
    as_json: Json = False,
) -> None:
    """Tell where a picture comes from, or whether the installation is sound.

    Example: stylefeed doctor
    """
    from pipelines.jobs import doctor as job
    from styletransfer.config import DEFAULT_KEY

    if image is None:
        found = job.check_installation()
        print_result(found, as_json, job.installation_lines(found))
        if not found["ok"]:
            raise typer.Exit(1)
    else:
        found = job.inspect_picture(image, DEFAULT_KEY if key is None else key)
        print_result(found, as_json, job.picture_lines(found))
