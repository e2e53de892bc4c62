"""`stylefeed fit`: starts a job that goes on stage by stage."""

from __future__ import annotations

from pipelines.commands.app import (
    AsOf,
    Columns,
    Config,
    Events,
    EventTypes,
    Items,
    Json,
    LogFormat,
    MaxUsers,
    Out,
    Pictures,
    Quiet,
    Seed,
    Styles,
    TopK,
    Workers,
    app,
    say,
)
from pipelines.commands.part import print_part


@app.command()
def fit(
    events: Events,
    items: Items,
    styles: Styles,
    out: Out,
    pictures: Pictures = None,
    config: Config = None,
    top_k: TopK = None,
    max_users: MaxUsers = None,
    seed: Seed = None,
    columns: Columns = None,
    event_types: EventTypes = None,
    as_of: AsOf = None,
    workers: Workers = None,
    quiet: Quiet = False,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Start a job: check the tables, encode the pictures and fit the models.

    Example: stylefeed fit --events data/samples/events.parquet --items data/samples/items.csv
    --styles data/samples/styles.csv --out runs/1
    """
    from pipelines.config import load_config, log_settings
    from pipelines.stages.road import run_part

    log = log_settings(columns, event_types, as_of)
    settings = load_config(
        config, log=log, top_k=top_k, max_users=max_users, seed=seed, workers=workers
    )
    inputs = {"events": events, "items": items, "styles": styles}
    done = run_part("fit", out, say, inputs=inputs, config=settings, pictures=pictures)
    print_part(done, as_json)
