"""`stylefeed doctor`: whether a picture, a clip, a job's files or the installation are sound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import Json, app, print_result


@app.command()
def doctor(
    path: Annotated[
        Path | None,
        typer.Argument(help="A picture or clip to inspect, or a job's folder to check."),
    ] = None,
    key: Annotated[int | None, typer.Option(help="Key of the watermark.")] = None,
    as_json: Json = False,
) -> None:
    """Tell where a picture or a clip comes from, or whether a job or the installation is sound.

    Example: stylefeed doctor
    """
    from pipelines.jobs import doctor as job
    from styletransfer.config import DEFAULT_KEY

    if path is None:
        found = job.check_installation()
        print_result(found, as_json, job.installation_lines(found))
        if not found["ok"]:
            raise typer.Exit(1)
    elif path.is_dir():
        from pipelines.jobs.check_folder import check_folder, folder_lines

        found = check_folder(path)
        print_result(found, as_json, folder_lines(found))
        if not found["ok"]:
            raise typer.Exit(1)
    else:
        inspect = job.inspect_clip if job.is_clip(path) else job.inspect_picture
        found = inspect(path, DEFAULT_KEY if key is None else key)
        print_result(found, as_json, job.picture_lines(found))
