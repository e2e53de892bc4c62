"""`stylefeed ab`: would another look policy have sold more?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import (
    AsOf,
    Columns,
    Config,
    EventTypes,
    Json,
    LogFormat,
    Out,
    Quiet,
    Seed,
    app,
    print_result,
)
from pipelines.verbosity import warn


@app.command()
def ab(
    log: Annotated[Path, typer.Option(help="Events with logged propensities, .parquet or .csv.")],
    policy: Annotated[list[str], typer.Option(help="Twice: A, then B.")],
    out: Out,
    styles: Annotated[
        Path | None, typer.Option(help="Looks: tells the personal policy which are alike.")
    ] = None,
    config: Config = None,
    seed: Seed = None,
    columns: Columns = None,
    event_types: EventTypes = None,
    as_of: AsOf = None,
    quiet: Quiet = False,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Judge look policy B against A from a log: estimates, intervals and a verdict.

    Policies: logged, original, uniform, best_single, personal.

    Example: stylefeed ab --log data/samples/events.parquet --policy original --policy personal
    --styles data/samples/styles.csv --out runs/ab
    """
    from features.schema import ConfigError
    from pipelines.config import load_config, log_settings
    from pipelines.jobs.ab import compare_policies

    if len(policy) != 2:
        raise ConfigError(f"got {len(policy)} --policy: expected two, A and then B")
    settings = load_config(config, seed=seed, log=log_settings(columns, event_types, as_of))
    result = compare_policies(
        *(log, policy[0], policy[1], out, settings.seed, styles, settings.log, settings.verdict),
        settings.privacy.pseudonymise,
    )
    facts = result["facts"]
    for line in facts["warnings"]:
        warn(line)
    lines = [] if result["worked"] else ["nothing to do: the same comparison is there already"]
    lines += [f"set aside: {n:,} rows: {why}" for why, n in facts["set_aside_by_reason"].items()]
    lines += [result["verdict"]["sentence"], f"page: {(out / 'ab.html').resolve()}"]
    print_result(result, as_json, lines)
