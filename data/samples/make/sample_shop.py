"""Draws the sample shop: `python data/samples/make/sample_shop.py` (about two minutes on two free cores).

Writes products/, masks/ and looks/ with their pictures, items.csv, styles.csv, events.parquet and
truth.parquet to the folder above this one. The same library versions give the same files.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

PROGRAM = Path(__file__).resolve().parent
HERE = PROGRAM.parent
sys.path[:0] = [str(PROGRAM), str(HERE.parents[1])]

from drawing.studio import photograph  # noqa: E402

from recsys.simulator import SimulatorConfig, simulate  # noqa: E402

CATEGORIES = (
    "mug",
    "vase",
    "lamp",
    "chair",
    "sofa",
    "handbag",
    "backpack",
    "sneaker",
    "t-shirt",
    "dress",
    "hat",
    "watch",
)
FAMILIES = ("paint", "printed", "textile", "stone", "graphic")
JPEG_QUALITY = 88
SEED = 20_250_303


def _module(kind: str, name: str):  # type: ignore[no-untyped-def]
    return import_module(f"drawing.{kind}.{name.replace('-', '')}")


def _slug(name: str) -> str:
    return "-".join(name.lower().split())


def _jpeg(picture: NDArray[np.uint8], to: Path) -> None:
    data = BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=JPEG_QUALITY, optimize=True)
    to.write_bytes(data.getvalue())


def draw_product(category: str, number: int) -> dict[str, object]:
    """Draw one product and its mask; its row of items.csv."""
    design = _module("products", category).DESIGNS[number]
    item_id = f"{category}-{number + 1:02d}"
    picture, mask = photograph(design, seed=SEED + 100 * CATEGORIES.index(category) + number)
    _jpeg(picture, HERE / "products" / f"{item_id}.jpg")
    Image.fromarray(mask).save(HERE / "masks" / f"{item_id}.png", optimize=True)
    return {
        "item_id": item_id,
        "title": design.title,
        "category": category,
        "price": design.price,
        "image_path": f"products/{item_id}.jpg",
        "mask_path": f"masks/{item_id}.png",
    }


def draw_look(family: str, number: int) -> dict[str, object]:
    """Draw one look; its row of styles.csv."""
    look = _module("looks", family).LOOKS[number]
    style_id = _slug(look.name)
    picture = (np.clip(look.draw(), 0, 1) * 255 + 0.5).astype(np.uint8)
    _jpeg(picture, HERE / "looks" / f"{style_id}.jpg")
    return {
        "style_id": style_id,
        "name": look.name,
        "image_path": f"looks/{style_id}.jpg",
        "tags": look.tags,
    }


def main() -> None:
    """Draw every picture, then let shoppers loose on them."""
    for folder in ("products", "masks", "looks"):
        (HERE / folder).mkdir(exist_ok=True)
    with ProcessPoolExecutor(2) as pool:
        products = [
            pool.submit(draw_product, category, number)
            for category in CATEGORIES
            for number in range(len(_module("products", category).DESIGNS))
        ]
        looks = [
            pool.submit(draw_look, family, number)
            for family in FAMILIES
            for number in range(len(_module("looks", family).LOOKS))
        ]
        items = pd.DataFrame([job.result() for job in products])
        styles = pd.DataFrame([job.result() for job in looks])
    items.to_csv(HERE / "items.csv", index=False)
    styles.to_csv(HERE / "styles.csv", index=False)
    families = pd.factorize(styles["tags"])[0]
    shop = simulate(items, styles["style_id"].tolist(), families, SimulatorConfig(), SEED)
    for name, table in (("events", shop.events), ("truth", shop.truth)):
        table.to_parquet(HERE / f"{name}.parquet", index=False, compression="zstd")
    size = sum(p.stat().st_size for p in HERE.rglob("*") if p.is_file() and p.suffix != ".pyc")
    print(f"{len(items)} products, {len(styles)} looks, {len(shop.events):,} events")
    print(f"{size / 1e6:.1f} MB in {HERE.name}")


if __name__ == "__main__":
    main()
