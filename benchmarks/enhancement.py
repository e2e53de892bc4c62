"""What repairing photos brings, and costs the product: `python -m benchmarks.enhancement`.

Sound photos with known masks are damaged as shops' photos are, and repaired with and without the
bound on the product's colours. Distances are mean CIEDE2000 to the sound photo.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import describe
from features.images import decode, enhance, resize, resize_longest
from styletransfer.colour import delta_e_2000, to_lab
from styletransfer.faithful.enhance import MAX_DELTA_E, enhance_within

SAMPLES: Final = Path("data/samples")
SIZE_PX: Final = 384
EVERY: Final = 3

Picture = NDArray[np.uint8]


def _levels(picture: NDArray[np.float64]) -> Picture:
    return np.asarray(np.clip(np.rint(picture), 0, 255), dtype=np.uint8)


def _noisy(picture: Picture) -> Picture:
    return _levels(picture + np.random.default_rng(0).normal(0, 8, picture.shape))


DAMAGES: Final[dict[str, Callable[[Picture], Picture]]] = {
    "none": lambda picture: picture,
    "warm cast": lambda picture: _levels(picture * np.array([1.06, 1.0, 0.9])),
    "flat tones": lambda picture: _levels(0.75 * picture.astype(np.float64) + 24),
    "noise, 8 levels": _noisy,
    "soft, 1.2 px": lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.2)),
}


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    items = pd.read_csv(SAMPLES / "items.csv").iloc[::EVERY]
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in DAMAGES}
    for row in items.itertuples():
        photo = resize_longest(decode(SAMPLES / str(row.image_path)), SIZE_PX)
        mask = resize(decode(SAMPLES / str(row.mask_path)), *photo.shape[:2])[..., 0]
        alpha = mask.astype(np.float32) / np.float32(255)
        inside = alpha >= 0.5
        for name, damage in DAMAGES.items():
            damaged = damage(photo)
            bounded = enhance_within(damaged, alpha)
            rows[name].append(
                (
                    *(
                        _distance(one, photo, where)
                        for where in (inside, ~inside)
                        for one in (damaged, bounded.picture, enhance(damaged))
                    ),
                    *bounded.amounts.values(),
                    bounded.delta_e,
                )
            )
    print(describe("opencv-python-headless"))
    print(
        f"\n{len(items)} photos. Distance to the sound photo: damaged, repaired within "
        f"{MAX_DELTA_E:g}, repaired without bound\n"
    )
    print("| damage | product | ground | noise, cast, contrast, sharpness made | largest cost |")
    print("|---|---|---|---|---|")
    for name, found in rows.items():
        mean, most = np.mean(found, axis=0), np.max(found, axis=0)
        product, ground = (" / ".join(f"{one:.2f}" for one in mean[i : i + 3]) for i in (0, 3))
        amounts = ", ".join(f"{one:.2f}" for one in mean[6:-1])
        print(f"| {name} | {product} | {ground} | {amounts} | {most[-1]:.2f} |")


def _distance(one: Picture, other: Picture, where: NDArray[np.bool_]) -> float:
    return float(delta_e_2000(to_lab(one[where]), to_lab(other[where])).mean())


if __name__ == "__main__":
    main()
