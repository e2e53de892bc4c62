"""`stylefeed challenge`: the looks that were submitted, ranked, and the winner as a look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from features.schema import ConfigError
from pipelines.commands.app import Json, LogFormat, Pictures, app, print_result


@app.command()
def challenge(
    out: Annotated[Path, typer.Argument(help="The job's folder.")],
    winner: Annotated[
        int | None, typer.Option(help="The number of the entry that becomes a look.")
    ] = None,
    styles: Annotated[
        Path | None, typer.Option(help="The table of looks that the winner is added to.")
    ] = None,
    pictures: Pictures = None,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """List the looks submitted in the studio by their votes, or add one to the table of looks.

    Example: stylefeed challenge runs/demo
    """
    from pipelines.jobs.challenge import challenge_table, make_look

    if (winner is None) != (styles is None):
        raise ConfigError("--winner and --styles go together: which entry, and the table of looks")
    if winner is not None and styles is not None:
        style_id = make_look(out, winner, styles, pictures)
        line = f"{style_id} is a look in {styles.resolve()}: the next run shows it"
        print_result({"style_id": style_id}, as_json, [line])
        return
    table = challenge_table(out)
    lines = [
        f"{row['place']:>3}. {row['name']} (entry {row['entry']}): {row['likes']} of "
        f"{row['votes']} like it, score {row['score']:.2f}"
        + (f", is the look {row['style_id']}" if row["style_id"] else "")
        for row in table
    ]
    print_result({"entries": table}, as_json, lines or ["no look was submitted yet"])
