"""outlines.txt (coordinates read by eye off enlarged photos) -> masks.txt.

Run as `python -m benchmarks.hand_masks.draw`; with `--look DIR` it also lays the masks over the
photos, darkening all but the product, so that they can be checked.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.hand_masks.runs import MASKS, HandMask, to_line

OUTLINES = Path(__file__).with_name("outlines.txt")
PHOTOS = Path("../shared/data/products_clothing_cc0")


def draw(outlines: Path = OUTLINES) -> list[HandMask]:
    """The masks described by a file of outlines, in its order."""
    masks: list[HandMask] = []
    canvas: NDArray[np.uint8] = np.zeros((1, 1), dtype=np.uint8)
    for line in outlines.read_text(encoding="utf-8").splitlines():
        kind, rest = line[0], line[1:].split()
        if kind == "#":
            continue
        if kind == "p":
            file, width, height, part = rest[-4:]
            canvas = np.zeros((int(height), int(width)), dtype=np.uint8)
            masks.append(HandMask(file, part, canvas.view(np.bool_)))
        elif kind == "~":
            cv2.polylines(canvas, [_points(rest[1:])], False, 1, int(rest[0]))
        else:
            cv2.fillPoly(canvas, [_points(rest)], 1 if kind == "+" else 0)
    return masks


def _points(pairs: list[str]) -> NDArray[np.int32]:
    return np.array([pair.split(",") for pair in pairs], dtype=np.int32)


def main() -> None:
    """Write masks.txt, and overlays if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--look", type=Path, help="folder for overlays on the photos")
    look = parser.parse_args().look
    masks = draw()
    MASKS.write_text("\n".join(map(to_line, masks)) + "\n", encoding="utf-8")
    print(f"{MASKS.name}: {len(masks)} masks")
    if look is not None:
        look.mkdir(parents=True, exist_ok=True)
        for hand in masks:
            photo = cv2.imread(str(PHOTOS / hand.file))
            if photo is None:
                raise SystemExit(f"{PHOTOS / hand.file} cannot be read")
            photo[~hand.mask] = photo[~hand.mask] // 3 + np.array([80, 0, 80], dtype=np.uint8)
            cv2.imwrite(str(look / Path(hand.file).with_suffix(".png").name), photo)


if __name__ == "__main__":
    main()
