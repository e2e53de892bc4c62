"""Every channel's files inside its size, weight and safe area, and one look across channels.

    python -m benchmarks.channels [--items 20] [--looks 3] [--size 512] [--workers 1]
        [--folder runs/channels]

Products of all kinds of the drawn sample shop in looks of different kinds, in every channel. What
is said of the files is not what the job noted: they are read again from the folder. Whether the
product is inside the safe area is told from the picture: the render's product, found again in the
file by matching, has to be where the safe area is.
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from benchmarks.machine import describe
from features.images import decode, resize
from pipelines.campaigns.presets import PRESETS
from pipelines.config import parse_config
from pipelines.jobs.catalogue import render_catalogue
from pipelines.jobs.channels import make_channels
from pipelines.stores import storage
from styletransfer.provenance.record import read_provenance

SHOP: Final = Path("data/samples")
LOOKS: Final = ("watercolour-hills", "desert-kilim", "woodblock-waves", "terrazzo", "neon-night")
# Channels' pictures and the render differ by compression and rounding of the cut.
_SLACK: Final = 0.012


def spread(table: pd.DataFrame, count: int) -> list[str]:
    """`count` items from all over the table."""
    return [str(item) for item in table["item_id"].iloc[:: max(len(table) // count, 1)][:count]]


def box_by_matching(
    shown: NDArray[np.uint8], render: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the masked product of `render` in `shown`, as shares of it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    height, width = shown.shape[:2]
    view = cv2.cvtColor(resize(shown, height // 3, width // 3), cv2.COLOR_RGB2GRAY)
    product = render[top:bottom, left:right]
    best = (-1.0, 0.0, 0, 0, 0, 0)
    largest = min(view.shape[0] / product.shape[0], view.shape[1] / product.shape[1])
    for scale in np.linspace(0.5, 1.0, 61) * largest:
        h, w = round(product.shape[0] * scale), round(product.shape[1] * scale)
        part = cv2.cvtColor(resize(product, h, w), cv2.COLOR_RGB2GRAY)
        score = cv2.matchTemplate(view, part, cv2.TM_CCOEFF_NORMED)
        _, value, _, (x, y) = cv2.minMaxLoc(score)
        best = max(best, (float(value), float(scale), int(x), int(y), w, h))
    _, _, x, y, w, h = best
    return (
        x / view.shape[1], y / view.shape[0], (x + w) / view.shape[1], (y + h) / view.shape[0],
    )  # fmt: skip


def not_white(picture: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """The box of what is not the white ground, as shares of the picture."""
    seen = picture.min(axis=2) < 235
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    height, width = seen.shape
    return (
        columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height,
    )  # fmt: skip


def examine(
    row: dict[str, Any], out: Path, renders: dict[tuple[str, str], Path], masks: dict[str, Path]
) -> dict[str, Any]:
    """What is true of one file."""
    preset = PRESETS[row["channel"]]
    data = (out / row["file"]).read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        is_size = image.size == (preset.width_px, preset.height_px)
        is_format = str(image.format).lower() == preset.format
    shown = decode(data)
    if row["style_id"]:
        render = decode(renders[row["item_id"], row["style_id"]])
        mask = decode(masks[row["item_id"]])
        mask = resize(mask, *render.shape[:2])[..., 0] >= 128
        box = box_by_matching(shown, render, mask)
        described = read_provenance(data) is not None and bool(row["watermark_found"])
    else:
        box = not_white(shown)
        described = bool((shown[0] == 255).all() and (shown[:, 0] == 255).all())
    top, right, bottom, left = preset.safe
    slack = _SLACK
    safe = (
        box[0] >= left - slack and box[1] >= top - slack
        and box[2] <= 1 - right + slack and box[3] <= 1 - bottom + slack
    )  # fmt: skip
    return {
        "channel": row["channel"],
        "what": "in a look" if row["style_id"] else "main, on white",
        "files": 1,
        "size and format": is_size and is_format,
        "weight": len(data) <= preset.most_bytes,
        "safe area": safe,
        "mark and record, or white": described,
        "largest kB": len(data) / 1000,
    }


def main() -> None:
    """Make the pictures and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--looks", type=int, default=3)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("runs/channels"))
    options = parser.parse_args()
    table = pd.read_csv(SHOP / "items.csv", dtype="str")
    items = spread(table, options.items)
    config = parse_config({"workers": options.workers, "render": {"size_px": options.size}})
    painted, out = options.folder / "renders", options.folder / "channels"
    render_catalogue(
        SHOP / "items.csv", SHOP / "styles.csv", painted, config, 1.0, None, None,
        item_ids=items, style_ids=LOOKS[: options.looks],
    )  # fmt: skip
    begun = time.perf_counter()
    told = make_channels(painted, out, config, None, SHOP / "items.csv")
    seconds = time.perf_counter() - begun
    manifest = storage.read_json(out / "manifest.json")
    renders = {
        (row["item_id"], row["style_id"]): painted / row["image_uri"]
        for row in pd.read_parquet(painted / "renders.parquet").to_dict("records")
        if isinstance(row["image_uri"], str)
    }
    masks = {row["item_id"]: SHOP / row["mask_path"] for row in table.to_dict("records")}
    seen = pd.DataFrame([examine(row, out, renders, masks) for row in manifest["files"]])
    facts = ["size and format", "weight", "safe area", "mark and record, or white"]
    by = seen.groupby(["channel", "what"], sort=False).agg(
        {"files": "sum", **dict.fromkeys(facts, "sum"), "largest kB": "max"}
    )
    print(describe("pillow", "opencv-python-headless"))
    print(f"{len(items)} products, {options.looks} looks, {len(seen)} files; {told['made']} made "
          f"in {seconds:.0f} s with {options.workers} worker")  # fmt: skip
    print(f"left out: {told['left_out']['count']} of {told['left_out']['of']}: "
          f"{told['left_out']['reasons']}\n")  # fmt: skip
    print("| channel | picture | files | size, format | weight | safe area | mark and record, or "
          "white | largest kB |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for (channel, what), row in by.iterrows():
        most = PRESETS[str(channel)].most_bytes // 1000
        counts = " | ".join(str(int(row[fact])) for fact in facts)
        print(f"| {channel} | {what} | {int(row['files'])} | {counts} | {row['largest kB']:.0f} of "
              f"{most} |")  # fmt: skip
    print("\n| look | products | style distance between channels | between looks | palette, Lab | "
          "product size, sd |\n|---|---|---|---|---|---|")  # fmt: skip
    for row in told["consistency"]:
        print(f"| {row['style_id']} | {row['items']} | {row['style_distance']:.3f} | "
              f"{row['between_looks']:.3f} | {row['palette_distance']:.1f} | "
              f"{100 * row['size_spread']:.1f} % |")  # fmt: skip


if __name__ == "__main__":
    main()
