"""What the commands share: the application, its options, what it prints and how it ends.

Exit codes: 0 done, 2 bad input or a full disk (one line on stderr says what, where and what to
do), 1 a bug.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from features.schema import (
    ConfigError,
    ContractError,
    InputError,
    StorageError,
    StylefeedError,
)
from pipelines import verbosity

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


def _silence(quiet: bool) -> None:
    verbosity.quiet = quiet


def _set_log_format(log_format: str) -> None:
    if log_format not in ("text", "json"):
        raise ConfigError(f"--log-format is {log_format!r}: expected text or json")
    verbosity.use_json(log_format == "json")


def free_folder(out: Path) -> Path:
    """`out`, a folder or a name that is free; raises ConfigError where a file is in the way."""
    place = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not place.is_dir():
        raise ConfigError(f"{out}: {place} is a file; expected a folder or a new name")
    return out


def folder_option(help: str) -> Any:
    """The option `--out` of a command: a folder, or a name that is free."""
    return typer.Option("--out", help=help, callback=free_folder)


Events = Annotated[Path, typer.Option(help="Browsing log, .parquet or .csv.")]
Items = Annotated[Path, typer.Option(help="Catalogue, .parquet or .csv.")]
Styles = Annotated[Path, typer.Option(help="Looks, .parquet or .csv.")]
Out = Annotated[Path, folder_option("The job's folder; made if missing.")]
Pictures = Annotated[
    Path | None,
    typer.Option(help="Folder that picture paths start from.  [default: found by the tables']"),
]
Config = Annotated[Path | None, typer.Option(help="Settings, .toml.")]
TopK = Annotated[int | None, typer.Option(help="Items per shopper.  [default: 10]")]
MaxUsers = Annotated[int | None, typer.Option(help="Keep the first N shoppers by id.")]
Seed = Annotated[int | None, typer.Option(help="Decides every draw.  [default: 0]")]
Columns = Annotated[
    str | None, typer.Option(help="Names of columns: user_id=visitorid,items.price=amount.")
]
EventTypes = Annotated[
    str | None, typer.Option(help="Names of event types: order=purchase,hover=ignore.")
]
AsOf = Annotated[
    str | None, typer.Option(help="What the job takes for now; later rows are set aside.")
]
Workers = Annotated[
    int | None, typer.Option(help="Worker processes, 0 for one per core.  [default: 0]")
]
Engine = Annotated[
    str | None, typer.Option(help="Where work is done: local or ray.  [default: local]")
]
Address = Annotated[
    str | None, typer.Option(help="A running Ray cluster: host:port, or auto.  [default: its own]")
]
MaxRenders = Annotated[
    int | None, typer.Option(help="Pictures at most, the most seen first, 0 for all.  [default: 0]")
]
Deadline = Annotated[
    str | None, typer.Option(help="Begin no picture from this time on: 2026-11-28T05:30, UTC.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on stderr.", callback=_silence)]
LogFormat = Annotated[
    str,
    typer.Option(
        "--log-format",
        help="Lines on stderr: text, or json, an object each.",
        callback=_set_log_format,
        is_eager=True,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stylefeed {version('stylefeed')}")
        raise typer.Exit


@app.callback()
def stylefeed(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_tell_version, is_eager=True),
    ] = False,
) -> None:
    """Learn which look each shopper likes, recommend products, show each in that look."""


def say(line: str) -> None:
    """Tell on stderr how a job goes on, unless it is to be quiet."""
    verbosity.tell(line)


def print_result(result: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    """Print `result` as JSON, or the `lines` for people, on stdout."""
    typer.echo(json.dumps(result, indent=2, sort_keys=True) if as_json else "\n".join(lines))


def main() -> None:
    """Run the console script; bad input or a full disk is one line on stderr and exit code 2."""
    try:
        app()
    except (InputError, StorageError) as error:
        verbosity.fail(str(error))
        sys.exit(2)
    except Exception as error:
        if isinstance(error, StylefeedError) and not isinstance(error, ContractError):
            verbosity.fail(f"{type(error).__name__}: {error}")
        elif verbosity.as_json:
            verbosity.fail_with_a_bug(error)
        else:
            # A bug: its traceback says where.
            raise
        sys.exit(1)
