"""`stylefeed campaign`: looks for categories of products in channels, packed to send."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.app import (
    Config,
    Items,
    Json,
    LogFormat,
    Out,
    Pictures,
    Quiet,
    Styles,
    Workers,
    app,
    print_result,
    say,
)


def _list(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


@app.command()
def campaign(
    items: Items,
    styles: Styles,
    out: Out,
    looks: Annotated[str, typer.Option(help="Ids of looks: kilim,terrazzo.")],
    name: Annotated[str, typer.Option(help="What it is called.")] = "campaign",
    categories: Annotated[
        str | None, typer.Option(help="Categories of products.  [default: all]")
    ] = None,
    channels: Annotated[
        str, typer.Option(help="Some of web,app,email,marketplace,social.")
    ] = "web",
    strength: Annotated[float, typer.Option(help="Over 0, at most 1.")] = 1.0,
    size: Annotated[int, typer.Option(help="Longer side painted, px, 64 to 1536.")] = 768,
    max_items: Annotated[int, typer.Option(help="Keep the first N products, 0 for all.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it costs, no more.")] = False,
    pictures: Pictures = None,
    config: Config = None,
    workers: Workers = None,
    quiet: Quiet = False,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Paint a campaign, cut it to its channels, and pack a ZIP with manifest and provenance.

    Example: stylefeed campaign --items data/samples/items.csv --styles data/samples/styles.csv
    --looks terrazzo,desert-kilim --categories mug --channels web,email --out runs/mugs
    """
    from pipelines.config import load_config
    from pipelines.jobs.campaigns.make import make_campaign
    from pipelines.jobs.campaigns.plan import Campaign, choose, plan, plan_line

    settings = load_config(config, workers=workers)
    asked = Campaign(
        name, _list(looks), _list(categories), _list(channels), strength, size, max_items
    )
    planned = plan(asked, choose(asked, items, styles), settings)
    if dry_run:
        print_result(dict(planned), as_json, [plan_line(planned)])
        return
    say(plan_line(planned))
    told = make_campaign(asked, items, styles, out, settings, pictures)
    lines = [
        f"{told['files']:,} files in {(out / told['archive']).resolve()} "
        f"({told['bytes'] / 1e6:,.1f} MB), contact sheets beside it"
    ]
    if told["served_original"] or told["left_out"]:
        lines.append(
            f"{told['served_original']:,} renders may not be shown in their look and "
            f"{told['left_out']:,} files were left out: rejects/ in {out} says why"
        )
    print_result(told, as_json, lines)
