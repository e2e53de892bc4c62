"""`stylefeed check`: what a run would find and do, without running it."""

from __future__ import annotations

from typing import Any

from features.schema import InputError
from pipelines.commands.app import (
    AsOf,
    Columns,
    Config,
    Events,
    EventTypes,
    Items,
    Json,
    MaxUsers,
    Pictures,
    Quiet,
    Styles,
    TopK,
    Workers,
    app,
    print_result,
)

EXAMPLES = 5


@app.command()
def check(
    events: Events,
    items: Items,
    styles: Styles,
    pictures: Pictures = None,
    config: Config = None,
    top_k: TopK = None,
    max_users: MaxUsers = None,
    columns: Columns = None,
    event_types: EventTypes = None,
    as_of: AsOf = None,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Read tables and pictures; say what is wrong and what a run would do. Writes nothing.

    Example: stylefeed check --events data/samples/events.parquet --items data/samples/items.csv
    --styles data/samples/styles.csv
    """
    from pipelines.config import load_config, log_settings
    from pipelines.jobs.check import check_shop
    from pipelines.jobs.plan import plan_lines

    log = log_settings(columns, event_types, as_of)
    settings = load_config(config, log=log, top_k=top_k, max_users=max_users, workers=workers)
    inputs = {"events": events, "items": items, "styles": styles}
    found = check_shop(inputs, settings, pictures)
    print_result(found, as_json, [*_lines(found), *plan_lines(found["plan"])])
    if found["stops"]:
        raise InputError(found["stops"])


def _lines(found: dict[str, Any]) -> list[str]:
    unreadable = found["unreadable"] + found["unreadable_clips"]
    lines = [
        f"{row['table']}: {row['rows']:,} rows set aside: {row['reason']}"
        for row in found["rejects"]
    ]
    lines += [f"warning: {line}" for line in found["warnings"]]
    lines += [f"{one['table']}: {one['id']}: {one['reason']}" for one in unreadable[:EXAMPLES]]
    if len(unreadable) > EXAMPLES:
        lines.append(f"{len(unreadable) - EXAMPLES:,} more pictures or clips cannot be read")
    lines += _findings(found["quality"])
    return lines


def _findings(quality: dict[str, dict[str, Any]]) -> list[str]:
    """One line per finding of the quality report that has examples."""
    lines = []
    for part, report in quality.items():
        for name, examples in report.items():
            if name.endswith("_examples") and examples and isinstance(examples[0], str):
                count = report[name.removesuffix("_examples")]
                words = name.removesuffix("_examples").replace("_", " ")
                lines.append(f"{part}: {count:,} {words}: {', '.join(examples)}")
    return lines
