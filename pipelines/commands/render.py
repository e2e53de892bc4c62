"""`stylefeed render`: every item in every look."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.app import (
    Address,
    Config,
    Deadline,
    Engine,
    Items,
    Json,
    LogFormat,
    MaxRenders,
    Out,
    Pictures,
    Quiet,
    Styles,
    Workers,
    app,
    print_result,
)


@app.command()
def render(
    items: Items,
    styles: Styles,
    out: Out,
    pictures: Pictures = None,
    config: Config = None,
    mode: Annotated[
        str | None, typer.Option(help="faithful, accent or artistic.  [default: faithful]")
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="generator, gatys or transport.  [default: generator]")
    ] = None,
    strength: Annotated[float, typer.Option(help="Over 0, at most 1.")] = 1.0,
    size: Annotated[
        int | None, typer.Option(help="Longer side in px, 64 to 1536.  [default: 384]")
    ] = None,
    format: Annotated[str | None, typer.Option(help="jpeg, png or webp.  [default: jpeg]")] = None,
    max_items: Annotated[int | None, typer.Option(help="Keep the first N items.")] = None,
    max_styles: Annotated[int | None, typer.Option(help="Keep the first N looks.")] = None,
    max_renders: MaxRenders = None,
    deadline: Deadline = None,
    workers: Workers = None,
    engine: Engine = None,
    address: Address = None,
    quiet: Quiet = False,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Paint every item in every look.

    Example: stylefeed render --items data/samples/items.csv --styles data/samples/styles.csv
    --out runs/campaign --max-items 5
    """
    from pipelines.config import load_config
    from pipelines.jobs.catalogue import render_catalogue

    chosen = {"mode": mode, "method": method, "size_px": size, "format": format}
    settings = load_config(
        config,
        render={**chosen, "max_renders": max_renders},
        limits={"deadline": deadline},
        workers=workers,
        engine={"name": engine, "address": address},
    )
    counts = render_catalogue(
        items, styles, out, settings, strength, max_items, max_styles, pictures
    )
    found = (out / "renders").resolve()
    print_result(counts, as_json, [f"{counts['renders']:,} pictures in {found}"])
