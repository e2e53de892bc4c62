"""`stylefeed tune`: settings searched for more look, a truer product and less time."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.app import (
    Config,
    Items,
    Json,
    Out,
    Quiet,
    Seed,
    Styles,
    app,
    print_result,
    say,
)


@app.command()
def tune(
    items: Items,
    styles: Styles,
    out: Out,
    config: Config = None,
    method: Annotated[str, typer.Option(help="nsga2 or swarm.")] = "nsga2",
    points: Annotated[int, typer.Option(help="Settings to measure, at least.")] = 60,
    photos: Annotated[int, typer.Option(help="Items painted at each.")] = 8,
    looks: Annotated[int, typer.Option(help="Looks each item is painted in.")] = 6,
    choose: Annotated[
        int | None, typer.Option(help="Row of front.csv to take.  [default: by a rule]")
    ] = None,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Search render settings: looks recognised, product kept, seconds; goes on where it stopped.

    Example: stylefeed tune --items data/samples/items.csv --styles data/samples/styles.csv
    --out runs/tune --points 24
    """
    from pipelines.jobs.tune.job import tune as tune_shop

    result = tune_shop(
        items, styles, out, config, method, points, (photos, looks), choose, seed, say
    )
    first = "" if result["worked"] else "nothing to measure: all points are known; "
    kept = "the present settings" if not result["chosen"] else f"row {result['row']} of the front"
    found = (out / "tuned.toml").resolve()
    lines = [
        f"{first}{result['points']:,} points, {result['front']:,} on the front",
        f"{kept} in {found}",
        f"page: {(out / 'tune.html').resolve()}",
    ]
    print_result(result, as_json, lines)
