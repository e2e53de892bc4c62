"""Sets alone: is each recognised, how much of its look stands in it as it is, how long it takes.

    python -m benchmarks.sets [--seeds 1] [--layouts wall wall_and_floor flat_lay] [--half even]

All 77 looks of `../shared/data/shop`, sets of 384 px. Recognised: of all looks' pictures, each as
it is, repeated 2 x 2 or 3 x 3, the own one is nearest, by VGG16's Gram matrices of four blocks
centred on the looks' mean. Nothing that makes a set reads VGG16. Copied:
`styletransfer.sets.copying`. Settings were chosen on the even rows of the table alone, the odd
ones are told apart. Needs VGG16's weights and `../shared/data`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple, get_args

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from benchmarks.machine import describe
from features.images import decode, resize, resize_longest
from features.networks.vgg import LAYERS, load_pretrained
from styletransfer.sets import SetLayout, make_set

DATA = Path("../shared/data")
SIDE_PX = 384
JUDGED_PX = 256
JUDGED = ("conv1_2", "conv2_2", "conv3_3", "conv4_3")
REPEATS = (1, 2, 3)

Picture = NDArray[np.uint8]
Grams = list[NDArray[np.float32]]


class Judge:
    """Ranks looks by how near their pictures' Gram matrices are to a set's."""

    def __init__(self, looks: list[Picture]) -> None:
        """Read the looks' matrices, as they are and repeated."""
        self._network = load_pretrained()
        grams = [[self._grams(_repeated(look, n)) for look in looks] for n in REPEATS]
        self._means = [np.mean([g[b] for g in grams[0]], axis=0) for b in range(len(JUDGED))]
        self._looks = [
            [_unit(np.stack([g[b] for g in rows]) - mean) for b, mean in enumerate(self._means)]
            for rows in grams
        ]

    def rank(self, picture: Picture, look: int) -> int:
        """How many looks are nearer than `look`, and one: 1 is recognised."""
        grams = [_unit(g - mean) for g, mean in zip(self._grams(picture), self._means, strict=True)]
        near = np.stack(
            [sum(b @ g for b, g in zip(rows, grams, strict=True)) for rows in self._looks]
        )
        return min(
            int((likeness > likeness[look]).sum()) + 1 for likeness in (near[0], near.max(0))
        )

    def _grams(self, picture: Picture) -> Grams:
        scaled = resize_longest(picture, JUDGED_PX, upscale=True)
        planes = torch.from_numpy(scaled.astype(np.float32)).permute(2, 0, 1)[None]
        maps = planes.flip(1) - self._network.mean_bgr
        grams = []
        # Pooled by the maximum, as the network was trained; the project's own painting averages.
        with torch.inference_mode():
            for name in LAYERS[: LAYERS.index(JUDGED[-1]) + 1]:
                if name.endswith("_1") and name != LAYERS[0]:
                    maps = F.max_pool2d(maps, 2)
                maps = F.relu(self._network.convolutions[name](maps))
                if name in JUDGED:
                    flat = maps[0].flatten(1)
                    gram = flat @ flat.T / flat.shape[1]
                    grams.append((gram / (gram.norm() + 1e-8)).numpy().ravel())
        return grams


class Row(NamedTuple):
    """One set's figures."""

    look: str
    kind: str
    half: str
    layout: str
    method: str
    rank: int
    copied: float
    seconds: float


def main() -> None:
    """Make the sets, judge them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--layouts", nargs="+", default=list(get_args(SetLayout)))
    parser.add_argument("--half", choices=("even", "odd"))
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--table", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    styles = pd.read_csv(DATA / "shop" / "styles.csv")
    looks = [decode((DATA / path).read_bytes()) for path in styles["image_path"]]
    judge = Judge(looks)
    rows: list[Row] = []
    tiles: list[Picture] = []
    for number, style in enumerate(styles.itertuples()):
        half = "even" if number % 2 == 0 else "odd"
        if arguments.half not in (None, half):
            continue
        kind = "painting" if "paintings" in str(style.image_path) else "pattern"
        tiles.append(_squared(looks[number]))
        for layout in arguments.layouts:
            for seed in range(arguments.seeds):
                start = time.perf_counter()
                made = make_set(looks[number], layout, SIDE_PX, seed)
                seconds = time.perf_counter() - start
                rank = judge.rank(made.picture, number)
                rows.append(
                    Row(
                        str(style.name), kind, half, layout, made.method, rank, made.copied, seconds
                    )
                )
                tiles.append(made.picture)
    table = pd.DataFrame(rows)
    if arguments.table:
        table.to_csv(arguments.table, index=False)
    if arguments.sheet:
        _save_sheet(tiles, 1 + len(arguments.layouts) * arguments.seeds, arguments.sheet)
    print(describe("numpy", "opencv-python-headless"))
    print(_figures(table).to_string())
    print(f"sets: {len(table)}, {table['seconds'].sum():.0f} s of one core")
    print(table[table["copied"] > 0.05].to_string())


def _figures(table: pd.DataFrame) -> pd.DataFrame:
    lines = {"all": table}
    for column in ("kind", "half", "layout", "method"):
        lines |= {f"{column} {name}": part for name, part in table.groupby(column)}
    lines |= {f"{kind}, {half}": part for (kind, half), part in table.groupby(["kind", "half"])}
    return pd.DataFrame(
        {
            name: {
                "sets": len(part),
                "top1": (part["rank"] == 1).mean(),
                "top3": (part["rank"] <= 3).mean(),
                "copied": part["copied"].mean(),
                "most": part["copied"].max(),
                "above .05": (part["copied"] > 0.05).sum(),
                "seconds": part["seconds"].mean(),
                "slowest": part["seconds"].max(),
            }
            for name, part in lines.items()
        }
    ).T.round(3)


def _repeated(look: Picture, count: int) -> Picture:
    if count == 1:
        return look
    scaled = [max(16, side * JUDGED_PX // max(look.shape[:2]) // count) for side in look.shape[:2]]
    return np.tile(resize(look, *scaled), (count, count, 1))


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values / (np.linalg.norm(values, axis=-1, keepdims=True) + 1e-9)


def _squared(look: Picture) -> Picture:
    scaled = resize_longest(look, SIDE_PX, upscale=True)
    square = np.full((SIDE_PX, SIDE_PX, 3), 128, dtype=np.uint8)
    square[: scaled.shape[0], : scaled.shape[1]] = scaled
    return square


def _save_sheet(tiles: list[Picture], columns: int, path: Path) -> None:
    from PIL import Image

    across = columns * max(12 // columns, 1)
    tiles = tiles + [np.zeros_like(tiles[0])] * (-len(tiles) % across)
    lines = [np.concatenate(tiles[at : at + across], 1) for at in range(0, len(tiles), across)]
    Image.fromarray(np.concatenate(lines)).save(path)


if __name__ == "__main__":
    main()
