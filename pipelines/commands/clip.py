"""`stylefeed clip`: a clip or a spin of a product in a look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import Config, Json, LogFormat, Quiet, app, print_result


@app.command()
def clip(
    video: Annotated[
        Path, typer.Option(help="A clip's file, or the folder that holds a spin's pictures.")
    ],
    look: Annotated[Path, typer.Option(help="The picture that defines the look.")],
    out: Annotated[
        Path, typer.Option(help="A file, .mp4, .mov, .mkv or .webm; a folder for a spin.")
    ],
    config: Config = None,
    size: Annotated[
        int | None, typer.Option(help="Longer side in px, 64 to 1536.  [default: 384]")
    ] = None,
    quiet: Quiet = False,
    log_format: LogFormat = "text",
    as_json: Json = False,
) -> None:
    """Show a clip's product in a look, frame by frame the same.

    Example: stylefeed clip --video mug.mp4 --look data/samples/looks/rose-window.jpg
    --out mug-in-rose-window.mp4
    """
    from pipelines.config import load_config
    from pipelines.jobs.clip import make_clip

    result = make_clip(video, look, out, load_config(config, render={"size_px": size}))
    if not result["worked"]:
        lines = [f"nothing to do: {out} is there"]
    else:
        lines = [
            f"{result['frames']:,} frames in {result['shots']:,} shots: {out.resolve()}",
            f"product: mean delta-E 2000 {result['delta_e']:.2f}, 99 % of frames at most "
            f"{result['delta_e_p99']:.2f}",
        ]
    print_result(result, as_json, lines)
