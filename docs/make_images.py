"""Draws the pages' pictures from the demo's feed: `make demo`, `python docs/make_images.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from features.images import decode, resize_longest
from features.matting import product_mask
from features.networks.encoders import StyleEncoder
from features.schema import ORIGINAL
from pipelines.stores.feed_versions import read_feed
from styletransfer.config import RenderConfig
from styletransfer.faithful.gate import look_anchor
from styletransfer.look import Look, mix_codes
from styletransfer.renderer import Renderer

DOCS = Path(__file__).parent
ROOT = DOCS.parent
SAMPLES = ROOT / "data" / "samples"
TILE = 220
GAP = 10
INK = (40, 40, 44)
FONT = ImageFont.load_default(size=15)


def sheet(rows: list[list[Image.Image]], labels: list[str]) -> Image.Image:
    """Tiles in rows on white, a label above each row."""
    width = GAP + max(len(row) for row in rows) * (TILE + GAP)
    height = GAP + sum((28 if label else 0) + TILE + GAP for label in labels)
    page = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(page)
    y = GAP
    for row, label in zip(rows, labels, strict=True):
        if label:
            draw.text((GAP, y + 4), label, fill=INK, font=FONT)
            y += 28
        for column, tile in enumerate(row):
            page.paste(tile, (GAP + column * (TILE + GAP), y))
        y += TILE + GAP
    return page


def square(picture: np.ndarray | Path) -> Image.Image:
    """The picture on a white square of `TILE` px."""
    pixels = decode(picture) if isinstance(picture, Path) else picture
    image = Image.fromarray(resize_longest(pixels, TILE))
    tile = Image.new("RGB", (TILE, TILE), "white")
    tile.paste(image, ((TILE - image.width) // 2, (TILE - image.height) // 2))
    return tile


def feed_picture(run: Path) -> Image.Image:
    """Three shoppers' feeds of the demo: originals above, what is served below."""
    feed = read_feed(run).sort_values(["user_id", "rank"])
    names = pd.read_csv(SAMPLES / "styles.csv", dtype="str").set_index("style_id")["name"]
    strength = pd.read_parquet(run / "users.parquet").set_index("user_id")["style_strength"]
    looks = feed[feed["style_id"] != ORIGINAL].groupby("user_id")["style_id"]
    favourite = looks.agg(lambda shown: shown.mode().iloc[0])
    many = looks.size()[looks.size() >= 6].index
    ranked = strength.loc[many].sort_values(ascending=False).index
    shoppers = favourite.loc[ranked].drop_duplicates().index[:3]
    rows, labels = [], []
    for shopper in shoppers:
        mine = feed[(feed["user_id"] == shopper)].head(6)
        liked = ", ".join(names.get(s, "") for s in mine["style_id"].unique() if s != ORIGINAL)
        rows.append([square(run / uri) for uri in mine["original_uri"]])
        labels.append(f"{shopper} likes: {liked}")
        rows.append([square(run / uri) for uri in mine["image_uri"]])
        labels.append("")
    return sheet(rows, labels)


def faithful_picture() -> Image.Image:
    """Twelve products in six looks: the original, faithful and artistic below each other."""
    items = pd.read_csv(SAMPLES / "items.csv", dtype="str").iloc[:: 72 // 12].head(12)
    styles = pd.read_csv(SAMPLES / "styles.csv", dtype="str").iloc[[0, 3, 6, 10, 13, 17]]
    pictures = [decode(SAMPLES / path) for path in styles["image_path"]]
    looks = [
        Look(style, code, 1.0, look_anchor(picture), picture)
        for style, code, picture in zip(
            styles["style_id"], StyleEncoder().encode(pictures), pictures, strict=True
        )
    ]
    faithful = Renderer(RenderConfig(mode="faithful"))
    artistic = Renderer(RenderConfig(mode="artistic"))
    rows = [[square(np.full((TILE, TILE, 3), 255, np.uint8)), *map(square, pictures)]]
    labels = ["looks: " + ", ".join(styles["name"])]
    for path, mask_path, title in items[["image_path", "mask_path", "title"]].itertuples(
        index=False
    ):
        product = resize_longest(decode(SAMPLES / path), 384)
        drawn = resize_longest(decode(SAMPLES / mask_path), 384)[..., 0]
        mask = product_mask(product, given=drawn)
        kept = [square(one.picture) for one in faithful.render(product, looks, mask=mask)]
        free = [square(one.picture) for one in artistic.render(product, looks)]
        rows += [[square(product), *kept], [square(product), *free]]
        labels += [f"{title}: original, then faithful; below artistic", ""]
    return sheet(rows, labels)


def strength_picture() -> Image.Image:
    """One product in two looks from the original to full strength, and the looks blended."""
    styles = pd.read_csv(SAMPLES / "styles.csv", dtype="str")
    items = pd.read_csv(SAMPLES / "items.csv", dtype="str")
    product = resize_longest(decode(SAMPLES / items["image_path"].iloc[0]), 384)
    pictures = [SAMPLES / path for path in styles["image_path"].iloc[[0, 3]]]
    first, second = StyleEncoder().encode([decode(path) for path in pictures])
    renderer = Renderer(RenderConfig(mode="artistic"))
    rows = []
    for path, code in zip(pictures, (first, second), strict=True):
        steps = [Look("a", code, strength) for strength in (0.0, 0.25, 0.5, 0.75, 1.0)]
        painted = renderer.render(product, steps)
        rows.append([square(path), *(square(render.picture) for render in painted)])
    shares = ((1.0, 0.0), (0.75, 0.25), (0.5, 0.5), (0.25, 0.75), (0.0, 1.0))
    codes = np.stack([first, second])
    blends = [Look("b", mix_codes(codes, np.array(share, dtype=np.float32))) for share in shares]
    mixed = [square(render.picture) for render in renderer.render(product, blends)]
    rows.append([square(product), *mixed])
    return sheet(
        rows,
        [
            f"the look; strength 0 (the original), 0.25, 0.5, 0.75, 1: {styles['name'].iloc[0]}",
            styles["name"].iloc[3],
            "the original; from the first look to the second",
        ],
    )


if __name__ == "__main__":
    (DOCS / "images").mkdir(exist_ok=True)
    feed_picture(ROOT / "runs" / "demo").save(DOCS / "images" / "feed.jpg", quality=88)
    sheet_of_twelve = faithful_picture()
    sheet_of_twelve.thumbnail((1200, 6000))
    sheet_of_twelve.save(DOCS / "images" / "faithful.jpg", quality=80)
    strength_picture().save(DOCS / "images" / "strength.jpg", quality=88)
