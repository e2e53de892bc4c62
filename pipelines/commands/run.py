"""`stylefeed run`: the whole road."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.app import (
    Address,
    AsOf,
    Columns,
    Config,
    Deadline,
    Engine,
    Events,
    EventTypes,
    Items,
    Json,
    LogFormat,
    MaxRenders,
    MaxUsers,
    Out,
    Pictures,
    Quiet,
    Seed,
    Styles,
    TopK,
    Workers,
    app,
    print_result,
    say,
)
from pipelines.commands.part import set_aside_lines

if TYPE_CHECKING:
    from pipelines.config import RunConfig


@app.command()
def run(
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
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what a run costs; do nothing."),
    ] = False,
    max_renders: MaxRenders = None,
    deadline: Deadline = None,
    workers: Workers = None,
    engine: Engine = None,
    address: Address = None,
    quiet: Quiet = False,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Logs and photos in, a personalised feed with restyled pictures out.

    Example: stylefeed run --events data/samples/events.parquet --items data/samples/items.csv
    --styles data/samples/styles.csv --out runs/demo
    """
    from pipelines.config import load_config, log_settings
    from pipelines.stages.road import run as run_job

    log = log_settings(columns, event_types, as_of)
    settings = load_config(
        config,
        log=log,
        top_k=top_k,
        max_users=max_users,
        seed=seed,
        render={"max_renders": max_renders},
        limits={"deadline": deadline},
        workers=workers,
        engine={"name": engine, "address": address},
    )
    inputs = {"events": events, "items": items, "styles": styles}
    if dry_run:
        _print_plan(out, inputs, settings, pictures, as_json)
        return
    manifest = run_job(out, inputs, settings, say, pictures)
    counts = manifest["counts"]["feed"]
    if manifest["worked"]:
        users, rows, restyled = (f"{counts[key]:,}" for key in ("users", "rows", "restyled"))
        first = f"{users} shoppers, {rows} rows, {restyled} restyled"
    else:
        first = "nothing to do: the inputs, settings and artefacts are those of the finished job"
    lines = [first, *set_aside_lines(manifest["counts"]["prepare"])]
    print_result(manifest, as_json, [*lines, f"gallery page: {(out / 'report.html').resolve()}"])


def _print_plan(
    out: Path, inputs: dict[str, Path], config: RunConfig, pictures: Path | None, as_json: bool
) -> None:
    from pipelines.jobs.dry_run import dry_run
    from pipelines.jobs.plan import plan_lines

    plan = dry_run(out, inputs, config, pictures)
    by = "the last run here" if plan["costs"] == "last run" else "docs/benchmarks.md"
    lines = [*plan_lines(plan), f"costs of a unit: those of {by}; nothing was done"]
    print_result(plan, as_json, lines)
