"""What each transport of colours does to a photo: `python -m benchmarks.transport`.

Photos of clothing and drawn samples in the colours of paintings and textures. Distance of the
palettes is sliced Wasserstein in CIE Lab along lines none of the methods uses; structure is SSIM of
grey; order is how well dark stays dark, the correlation of grey values before and after.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from benchmarks.machine import describe
from features.images import decode, resize_longest
from styletransfer.colour import to_lab
from styletransfer.config import Transport
from styletransfer.painters.transport import paint_transport
from styletransfer.transport.sliced import orthonormal_bases

DATA: Final = Path("../shared/data")
SIZE_PX: Final = 320
LINES: Final = orthonormal_bases(3, 40, seed=99)

Picture = NDArray[np.uint8]


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    photos = _read(DATA / "products_clothing_cc0/test", 60, 5)
    photos += _read(Path("data/samples/products"), 18, 4)
    looks = _read(DATA / "styles_paintings_a_dev", 7, 5) + _read(
        DATA / "styles_textures_a_dev", 9, 4
    )
    rows: dict[str, list[tuple[float, ...]]] = {}
    for photo in photos:
        for look in looks:
            rows.setdefault("photo as it is", []).append((*_measure(photo, photo, look), 0.0))
            for method in get_args(Transport):
                began = time.process_time()
                painted = paint_transport(photo, look, transport=method)
                took = 1000 * (time.process_time() - began)
                rows.setdefault(method, []).append((*_measure(photo, painted, look), took))
    print(describe("opencv-python-headless", "scikit-learn"))
    print(f"\n{len(photos)} photos, {len(looks)} looks\n")
    print("| transport | palette distance, mean (worst) | structure | order | processor ms |")
    print("|---|---|---|---|---|")
    for method, found in rows.items():
        mean = np.mean(found, axis=0)
        worst = max(row[0] for row in found)
        print(
            f"| {method} | {mean[0]:.2f} ({worst:.1f}) | {mean[1]:.3f} | {mean[2]:.3f} "
            f"| {mean[3]:.0f} |"
        )


def _read(folder: Path, step: int, count: int) -> list[Picture]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png"))
    return [resize_longest(decode(path), SIZE_PX) for path in paths[::step][:count]]


def _measure(photo: Picture, painted: Picture, look: Picture) -> tuple[float, float, float]:
    before, after = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (photo, painted))
    order = float(np.corrcoef(before.ravel(), after.ravel())[0, 1])
    return _distance(painted, look), float(structural_similarity(before, after)), order


def _distance(one: Picture, other: Picture) -> float:
    places = np.linspace(0, 1, 200)
    colours = [
        to_lab(cv2.resize(picture, (96, 96), interpolation=cv2.INTER_AREA).reshape(-1, 3))
        for picture in (one, other)
    ]
    squares = [
        np.mean(
            (np.quantile(colours[0] @ line, places, 0) - np.quantile(colours[1] @ line, places, 0))
            ** 2
        )
        for line in LINES
    ]
    return float(np.sqrt(np.mean(squares)))


if __name__ == "__main__":
    main()
