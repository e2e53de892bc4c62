"""Looks to begin with: pictures that come with the package, until a shop has its own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

import pandas as pd

from pipelines.stores import storage

SAMPLE_LOOKS: Final = {
    "blueprint": "Blueprint",
    "impasto-sunset": "Impasto sunset",
    "indigo-batik": "Indigo batik",
    "terrazzo": "Terrazzo",
    "watercolour-hills": "Watercolour hills",
    "woodblock-waves": "Woodblock waves",
}


def write_sample_looks(out: Path) -> int:
    """Write `styles.csv` and `looks/` to `out`, unless a `styles.csv` is there.

    Returns how many looks were written.
    """
    if (out / "styles.csv").exists():
        return 0
    folder = files("pipelines") / "sample_looks"
    for look in SAMPLE_LOOKS:
        storage.write_bytes(out / "looks" / f"{look}.jpg", (folder / f"{look}.jpg").read_bytes())
    table = pd.DataFrame({"style_id": list(SAMPLE_LOOKS), "name": list(SAMPLE_LOOKS.values())})
    table["image_path"] = "looks/" + table["style_id"] + ".jpg"
    storage.write_table(out / "styles.csv", table.assign(tags="sample"))
    return len(table)
