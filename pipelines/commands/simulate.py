"""`stylefeed simulate`: a log of shoppers with known tastes."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.app import (
    Config,
    Items,
    Json,
    Out,
    Pictures,
    Quiet,
    Seed,
    Styles,
    Workers,
    app,
    print_result,
)


@app.command()
def simulate(
    items: Items,
    styles: Styles,
    out: Out,
    pictures: Pictures = None,
    config: Config = None,
    shoppers: Annotated[int, typer.Option(help="How many shoppers.")] = 360,
    seed: Seed = None,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make a log of shoppers with known tastes, for tests and demos.

    Example: stylefeed simulate --items data/samples/items.csv --styles data/samples/styles.csv
    --out runs/simulated --shoppers 50
    """
    from features.schema import ConfigError
    from pipelines.config import load_config
    from pipelines.jobs.simulate import simulate_log

    if shoppers < 1:
        raise ConfigError(f"--shoppers is {shoppers}: expected at least 1")
    settings = load_config(config, seed=seed, workers=workers)
    counts = simulate_log(items, styles, out, settings, shoppers, pictures)
    written = (out / "events.parquet").resolve()
    print_result(counts, as_json, [f"{counts['events']:,} events in {written}"])
