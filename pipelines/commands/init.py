"""`stylefeed init`: a shop's folder made ready."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.commands.app import Json, app, free_folder, print_result


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(help="The shop's folder; made if missing.", callback=free_folder)
    ],
    as_json: Json = False,
) -> None:
    """Write a commented settings.toml and say which tables and pictures are there.

    Example: stylefeed init shop
    """
    from pipelines.jobs.init import init_shop

    found = init_shop(folder)
    print_result(found, as_json, _lines(found, folder))


def _lines(found: dict[str, Any], folder: Path) -> list[str]:
    from pipelines.jobs.init import SETTINGS, TABLES

    lines = [f"{folder / SETTINGS}: {found['settings']}"]
    files = {}
    for name, table in found["tables"].items():
        expected = TABLES[name]
        if table["file"] is None:
            lines.append(
                f"{name}: missing: {expected.what}, {name}.parquet or {name}.csv with "
                f"{expected.columns}"
            )
        elif table["problem"]:
            lines.append(table["problem"])
        else:
            files[name] = folder / table["file"]
            lines.append(_describe(name, table))
    if len(files) < len(TABLES):
        lines.append("to bring a log in another layout: stylefeed import --help")
        return lines
    given = " ".join(f"--{name} {shlex.quote(str(file))}" for name, file in files.items())
    return [*lines, f"next: stylefeed check {given} --config {shlex.quote(str(folder / SETTINGS))}"]


def _describe(name: str, table: dict[str, Any]) -> str:
    parts = [f"{name}: {table['file']}, {table['rows']:,} rows"]
    if table["set_aside"]:
        parts.append(f"{table['set_aside']:,} set aside")
    if name != "events":
        parts.append(f"{table['pictures']:,} pictures" if table["pictures"] else "no pictures")
        if table["pictures_missing"]:
            parts.append(f"{table['pictures_missing']:,} missing")
    return ", ".join(parts)
