"""The console script `stylefeed`: thin commands over the jobs.

Exit codes: 0 done, 2 bad input (one line on stderr says what, where and what to do), 1 a bug.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from features.schema import InputError, StylefeedError

# Read when torch and LightGBM are first imported: threads that wait for each other sleep, since on
# a busy machine spinning ones take minutes from the thread they wait for.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

app = typer.Typer(
    help="Learn which look each shopper likes, recommend products, show each in that look.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Events = Annotated[Path, typer.Option(help="Browsing log, .parquet or .csv.")]
Items = Annotated[Path, typer.Option(help="Catalogue, .parquet or .csv.")]
Styles = Annotated[Path, typer.Option(help="Looks, .parquet or .csv.")]
Out = Annotated[Path, typer.Option(help="The job's folder; made if missing.")]
Config = Annotated[Path | None, typer.Option(help="Settings, .toml.")]
TopK = Annotated[int | None, typer.Option(help="Items per shopper.  [default: 10]")]
MaxUsers = Annotated[int | None, typer.Option(help="Keep the first N shoppers by id.")]
Seed = Annotated[int | None, typer.Option(help="Decides every draw.  [default: 0]")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _print(result: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    typer.echo(json.dumps(result, indent=2, sort_keys=True) if as_json else "\n".join(lines))


@app.command()
def run(
    events: Events,
    items: Items,
    styles: Styles,
    out: Out,
    config: Config = None,
    top_k: TopK = None,
    max_users: MaxUsers = None,
    seed: Seed = None,
    as_json: Json = False,
) -> None:
    """Logs and photos in, a personalised feed with restyled pictures out.

    Example: stylefeed run --events data/samples/events.parquet --items data/samples/items.csv
    --styles data/samples/styles.csv --out runs/demo
    """
    from pipelines.config import load_config
    from pipelines.jobs.run import run as run_job

    settings = load_config(config, top_k=top_k, max_users=max_users, seed=seed)
    inputs = {"events": events, "items": items, "styles": styles}
    manifest = run_job(out, inputs, settings, _say)
    counts = manifest["counts"]["feed"]
    if manifest["worked"]:
        users, rows, restyled = (f"{counts[key]:,}" for key in ("users", "rows", "restyled"))
        first = f"{users} shoppers, {rows} rows, {restyled} restyled"
    else:
        first = "nothing to do: the inputs, settings and artefacts are those of the finished job"
    _print(manifest, as_json, [first, f"gallery page: {(out / 'report.html').resolve()}"])


def _run_part(command: str, out: Path, as_json: bool) -> None:
    from pipelines.jobs.run import COMMANDS, job_config, open_job, run_stages
    from pipelines.workspace import read_record

    settings = job_config(out)
    workspace, job = open_job(out, None, settings)
    worked = run_stages(workspace, job, settings, COMMANDS[command], _say)
    records = {name: read_record(workspace, name) for name in COMMANDS[command]}
    lines = [f"done: {', '.join(worked)}" if worked else "nothing to do: already done"]
    _print({"worked": worked, "stages": records}, as_json, lines)


@app.command()
def fit(
    events: Events,
    items: Items,
    styles: Styles,
    out: Out,
    config: Config = None,
    top_k: TopK = None,
    max_users: MaxUsers = None,
    seed: Seed = None,
    as_json: Json = False,
) -> None:
    """Start a job: check the tables, encode the pictures and fit the models.

    Example: stylefeed fit --events data/samples/events.parquet --items data/samples/items.csv
    --styles data/samples/styles.csv --out runs/1
    """
    from pipelines.config import load_config
    from pipelines.jobs.run import open_job

    settings = load_config(config, top_k=top_k, max_users=max_users, seed=seed)
    open_job(out, {"events": events, "items": items, "styles": styles}, settings)
    _run_part("fit", out, as_json)


@app.command()
def score(out: Out, as_json: Json = False) -> None:
    """Write each shopper's tastes and recommended items, with the models of `fit`.

    Example: stylefeed score --out runs/1
    """
    _run_part("score", out, as_json)


@app.command()
def feed(out: Out, as_json: Json = False) -> None:
    """Choose the looks, paint the pictures and write the feed, after `score`.

    Example: stylefeed feed --out runs/1
    """
    _run_part("feed", out, as_json)


@app.command()
def evaluate(out: Out, as_json: Json = False) -> None:
    """Judge models fitted before a cut in time by what shoppers did after it.

    Example: stylefeed evaluate --out runs/1
    """
    _run_part("evaluate", out, as_json)


@app.command()
def report(out: Out, as_json: Json = False) -> None:
    """Write the gallery page `report.html`, after `feed` and `evaluate`.

    Example: stylefeed report --out runs/1
    """
    _run_part("report", out, as_json)


@app.command()
def render(
    items: Items,
    styles: Styles,
    out: Out,
    mode: Annotated[str, typer.Option(help="faithful, accent or artistic.")] = "faithful",
    method: Annotated[str, typer.Option(help="generator, gatys or transport.")] = "generator",
    strength: Annotated[float, typer.Option(help="Over 0, at most 1.")] = 1.0,
    size: Annotated[int, typer.Option(help="Longer side in px, 64 to 1536.")] = 384,
    format: Annotated[str, typer.Option(help="jpeg, png or webp.")] = "jpeg",
    max_items: Annotated[int | None, typer.Option(help="Keep the first N items.")] = None,
    max_styles: Annotated[int | None, typer.Option(help="Keep the first N looks.")] = None,
    as_json: Json = False,
) -> None:
    """Paint every item in every look.

    Example: stylefeed render --items data/samples/items.csv --styles data/samples/styles.csv
    --out runs/campaign --max-items 5
    """
    from pipelines.config import parse_config
    from pipelines.jobs.catalogue import render_catalogue

    chosen = {"mode": mode, "method": method, "size_px": size, "format": format}
    settings = parse_config({"render": chosen})
    counts = render_catalogue(items, styles, out, settings, strength, max_items, max_styles)
    _print(counts, as_json, [f"{counts['renders']:,} pictures in {(out / 'renders').resolve()}"])


@app.command()
def ab(
    log: Annotated[Path, typer.Option(help="Events with logged propensities, .parquet or .csv.")],
    policy: Annotated[list[str], typer.Option(help="Twice: A, then B.")],
    out: Out,
    styles: Annotated[
        Path | None, typer.Option(help="Looks: tells the personal policy which are alike.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides every draw.")] = 0,
    as_json: Json = False,
) -> None:
    """Judge look policy B against A from a log: estimates, intervals and a verdict.

    Policies: logged, original, uniform, best_single, personal.

    Example: stylefeed ab --log data/samples/events.parquet --policy original --policy personal
    --styles data/samples/styles.csv --out runs/ab
    """
    from features.schema import ConfigError
    from pipelines.jobs.ab import compare_policies

    if len(policy) != 2:
        raise ConfigError(f"got {len(policy)} --policy: expected two, A and then B")
    result = compare_policies(log, policy[0], policy[1], out, seed, styles)
    lines = [] if result["worked"] else ["nothing to do: the same comparison is there already"]
    lines += [result["verdict"]["sentence"], f"page: {(out / 'ab.html').resolve()}"]
    _print(result, as_json, lines)


@app.command()
def doctor(
    image: Annotated[Path | None, typer.Argument(help="A picture to inspect.")] = None,
    key: Annotated[int | None, typer.Option(help="Key of the watermark.")] = None,
    as_json: Json = False,
) -> None:
    """Tell where a picture comes from, or whether the installation is sound.

    Example: stylefeed doctor
    """
    from pipelines.jobs import doctor as job
    from styletransfer.config import DEFAULT_KEY

    if image is None:
        found = job.check_installation()
        _print(found, as_json, job.installation_lines(found))
        if not found["ok"]:
            raise typer.Exit(1)
    else:
        found = job.inspect_picture(image, DEFAULT_KEY if key is None else key)
        _print(found, as_json, job.picture_lines(found))


@app.command()
def simulate(
    items: Items,
    styles: Styles,
    out: Out,
    shoppers: Annotated[int, typer.Option(help="How many shoppers.")] = 360,
    seed: Seed = None,
    as_json: Json = False,
) -> None:
    """Make a log of shoppers with known tastes, for tests and demos.

    Example: stylefeed simulate --items data/samples/items.csv --styles data/samples/styles.csv
    --out runs/simulated --shoppers 50
    """
    from pipelines.config import load_config
    from pipelines.jobs.simulate import simulate_log

    counts = simulate_log(items, styles, out, load_config(None, seed=seed), shoppers)
    _print(
        counts, as_json, [f"{counts['events']:,} events in {(out / 'events.parquet').resolve()}"]
    )


def main() -> None:
    """Run the console script; bad input is one line on stderr and exit code 2."""
    try:
        app()
    except InputError as error:
        _say(f"stylefeed: {error}")
        sys.exit(2)
    except StylefeedError as error:
        _say(f"stylefeed: {type(error).__name__}: {error}")
        sys.exit(1)
