"""The methods that paint, side by side: how long each takes, what it keeps and what it carries.

    python -m benchmarks.methods

Artistic mode at 256 px on one thread: every photo in every look by every method through the same
renderer. Arrival is 0 for the untouched photo and 1 for the look itself, in colour (sliced
Wasserstein in Lab), texture statistics and encoder Grams. SSIM is to the photo. Needs VGG16's
weights and `../shared/data`.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.machine import describe
from features.images import decode, resize_longest
from features.networks.encoders import StyleEncoder
from styletransfer.config import GatysConfig, RenderConfig
from styletransfer.faithful.gate import look_anchor
from styletransfer.fidelity import (
    FeatureEncoder,
    LookColours,
    LookFeatures,
    LookTexture,
    arrival,
)
from styletransfer.look import Look
from styletransfer.losses import ssim
from styletransfer.renderer import Renderer

SIZE_PX = 256
DATA = Path("../shared/data")
ARTISTIC = RenderConfig(mode="artistic", size_px=SIZE_PX)
METHODS = {
    "untouched photo": None,
    "generator": ARTISTIC,
    "gatys, Gram": replace(ARTISTIC, method="gatys"),
    "gatys, patch": replace(ARTISTIC, method="gatys", gatys=GatysConfig(style="patch")),
    "transport": replace(ARTISTIC, method="transport"),
}

Picture = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=4)
    parser.add_argument("--looks", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(describe("torch", "onnxruntime"))
    photos = read(["products_clothing_cc0"], arguments.photos)
    paintings = read(["styles_paintings_a_dev", "styles_textures_a_dev"], arguments.looks)
    codes = StyleEncoder().encode(paintings)
    looks = [
        Look(f"look-{row}", code, 1.0, look_anchor(picture), picture)
        for row, (code, picture) in enumerate(zip(codes, paintings, strict=True))
    ]
    print(f"{len(photos)} photos x {len(looks)} looks at {SIZE_PX} px: median (least to most)\n")
    print("| method | processor seconds a picture | SSIM | colour arrival | texture | features |")
    print("|---|---|---|---|---|---|")
    encoder = FeatureEncoder()
    judges = [
        (LookColours(picture), LookTexture(picture), LookFeatures(picture, encoder))
        for picture in paintings
    ]
    for name, config in METHODS.items():
        painted = [
            render
            for photo in photos
            for render in (
                [(photo, 0.0)] * len(looks) if config is None else paint(config, photo, looks)
            )
        ]
        rows = []
        for number, (picture, seconds) in enumerate(painted):
            photo, measures = photos[number // len(looks)], judges[number % len(looks)]
            arrived = [arrival(one.distance(photo), one.distance(picture)) for one in measures]
            rows.append([seconds, likeness(photo, picture), *arrived])
        columns = np.array(rows).T
        cells = [spread(columns[0], 2), *(spread(column, 2) for column in columns[1:])]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def read(folders: list[str], count: int) -> list[Picture]:
    """`count` pictures, evenly spaced over the paths of the folders in order."""
    kinds = (".jpg", ".png")
    paths = [
        path
        for folder in folders
        for path in sorted((DATA / folder).rglob("*"))
        if path.suffix in kinds
    ]
    chosen = [paths[(2 * k + 1) * len(paths) // (2 * count)] for k in range(count)]
    return [resize_longest(decode(path), SIZE_PX, upscale=True) for path in chosen]


def paint(config: RenderConfig, photo: Picture, looks: list[Look]) -> list[tuple[Picture, float]]:
    """The photo in every look, with the processor seconds that one took, gate and all."""
    renderer = Renderer(config)
    began = time.process_time()
    renders = renderer.render(photo, looks)
    each = (time.process_time() - began) / len(looks)
    return [(render.picture, each) for render in renders]


def likeness(photo: Picture, render: Picture) -> float:
    """SSIM of two pictures over their colour channels."""
    planes = [
        torch.from_numpy(one.transpose(2, 0, 1)[None] / np.float32(255)) for one in (photo, render)
    ]
    return float(ssim(*planes))


def spread(values: NDArray[np.float64], digits: int) -> str:
    """Median, and the least and most in brackets."""
    return (
        f"{np.median(values):.{digits}f} ({values.min():.{digits}f} to {values.max():.{digits}f})"
    )


if __name__ == "__main__":
    main()
