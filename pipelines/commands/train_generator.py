"""`stylefeed train-generator`: a generator trained on own photos and looks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import Config, Json, Out, Quiet, Seed, app, print_result, say


@app.command("train-generator")
def train_generator(
    photos: Annotated[Path, typer.Option(help="Folder of photos, or the catalogue.")],
    looks: Annotated[Path, typer.Option(help="Folder of looks, or their table.")],
    out: Out,
    steps: Annotated[int | None, typer.Option(help="Steps in all.  [default: 2000]")] = None,
    start: Annotated[
        str, typer.Option(help="pretrained, scratch, or a file of trained weights.")
    ] = "pretrained",
    processes: Annotated[int, typer.Option(help="Processes that share each batch.")] = 1,
    config: Config = None,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a generator adversarially on photos and looks; goes on where it was stopped.

    Example: stylefeed train-generator --photos data/samples/items.csv
    --looks data/samples/styles.csv --out runs/generator --steps 500
    """
    from pipelines.config import load_config
    from pipelines.jobs.train_generator import train

    settings = load_config(config, training={"steps": steps}, seed=seed)
    result = train(photos, looks, out, settings, start, say, processes)
    page = (out / "training.html").resolve()
    weights = (out / "generator.safetensors").resolve()
    first = "" if result["worked"] else "nothing to do: all steps are done; "
    best, before = result["best"], result["start"]
    kept = f"kept are those of step {best['step']:,}: recognised {best['recognised']:.2f} on "
    kept += f"validation pictures, {before:.2f} before training"
    if best["step"] == 0:
        kept = "no check was better than the start on validation pictures, so the start is kept"
    lines = [f"{first}{result['steps']:,} steps, weights in {weights}", kept, f"page: {page}"]
    print_result(result, as_json, lines)
