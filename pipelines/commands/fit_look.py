"""`stylefeed fit-look`: style codes fitted on photos of the shop."""

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


@app.command("fit-look")
def fit_look(
    items: Items,
    styles: Styles,
    out: Out,
    look: Annotated[
        list[str] | None, typer.Option(help="A style_id; may be repeated.  [default: all]")
    ] = None,
    config: Config = None,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit looks to the generator so that its paint is recognised more often.

    Example: stylefeed fit-look --items data/samples/items.csv --styles data/samples/styles.csv
    --out runs/looks --look rose-window
    """
    from pipelines.config import load_config
    from pipelines.jobs.fit_look import FITTED, fit_looks

    settings = load_config(config, seed=seed)
    result = fit_looks(items, styles, out, settings, look or [], say)
    first = "" if result["worked"] else "nothing to do: all looks are done; "
    before, after = result["recognised"]
    lines = [
        f"{first}{result['kept']:,} of {result['looks']:,} looks kept; on validation photos "
        f"recognised {before:.2f} before, {after:.2f} fitted",
        f'render.fitted_looks = "{(out / FITTED).resolve()}"',
    ]
    print_result(result, as_json, lines)
