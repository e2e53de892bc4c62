"""`stylefeed export`: smaller and faster variants of a generator, each with what it loses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import Config, Json, Out, Quiet, Seed, app, print_result, say


@app.command()
def export(
    photos: Annotated[Path, typer.Option(help="Folder of photos, or the catalogue.")],
    looks: Annotated[Path, typer.Option(help="Folder of looks, or their table.")],
    out: Out,
    weights: Annotated[
        str | None, typer.Option(help="A generator.safetensors.  [default: the packaged one]")
    ] = None,
    student_steps: Annotated[
        int, typer.Option(help="Distil a student in so many steps; 0 makes none.")
    ] = 0,
    config: Config = None,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Export a generator as ONNX, float and int8, beside a smaller student; measure each.

    Example: stylefeed export --photos data/samples/items.csv --looks data/samples/styles.csv
    --out runs/exported
    """
    from pipelines.config import load_config
    from pipelines.jobs.export import export as make

    settings = load_config(config, render={"weights": weights}, seed=seed)
    result = make(photos, looks, out, settings, student_steps, say)
    lines = [] if result["worked"] else ["nothing to do: all variants are there, measured here"]
    for row in sorted(result["variants"], key=lambda row: row["seconds"]):
        lines.append(
            f"{row['file']:18} {row['engine']:12} {1000 * row['seconds']:6.1f} ms a picture, "
            f"{row['recognised']:.3f} recognised, SSIM {row['ssim']:.3f}, {row['megabytes']:.2f} MB"
        )
    folder = out.resolve()
    lines.append(f'to paint with the best: [render] backend = "auto", exported = "{folder}"')
    print_result(result, as_json, lines)
