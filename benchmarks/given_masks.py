"""Which masks that come with photos are believed: `python -m benchmarks.given_masks`.

True masks of photos of every kind of `benchmarks.masks`, and the same spoilt as files are:
inverted, of another photo, shifted, turned, a box. A mask is believed where it is used and trusted
as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.machine import describe
from benchmarks.masks import _cases, _hard_cases, _plain_cases
from features.images import resize_longest
from features.matting import LOW_CONFIDENCE, product_mask
from features.matting.confidence import iou
from features.matting.mask import reconcile

SIZE_PX: Final = 384
SHIFT: Final = 0.15
OUTCOMES: Final = ("believed", "turned over", "estimate used", "in doubt")

Region = NDArray[np.bool_]


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    drawn = [case for case in _cases() if case.part != "samples"][::2]
    samples = [case for case in _cases() if case.part == "samples"][::9]
    cases = [*drawn, *samples, *list(_plain_cases())[::18], *list(_hard_cases())[::9]]
    counts: dict[str, Counter[str]] = {}
    wrong = Counter[str]()
    for number, case in enumerate(cases):
        photo = resize_longest(case.picture, SIZE_PX)
        told = product_mask(photo)
        truth = _fit(case.mask, photo.shape[:2])
        other = _fit(cases[(7 * number + 3) % len(cases)].mask, photo.shape[:2])
        for name, given in _spoilt(truth, other):
            mask = reconcile(told, [np.where(given, 255, 0).astype(np.uint8)])
            trusted = mask.confidence >= LOW_CONFIDENCE
            if mask.source != "given":
                outcome = "estimate used"
            elif not trusted:
                outcome = "in doubt"
            else:
                outcome = "turned over" if (mask.alpha >= 0.5)[given].sum() == 0 else "believed"
            counts.setdefault(name, Counter())[outcome] += 1
            if trusted and iou(mask.alpha >= 0.5, truth) < 0.5:
                wrong[name] += 1
    print(describe("opencv-python-headless", "torch"))
    print(f"\n{len(cases)} photos\n")
    print(f"| mask | {' | '.join(OUTCOMES)} | trusted with IoU < 0.5 |")
    print("|---|---|---|---|---|---|")
    for name, found in counts.items():
        numbers = " | ".join(str(found[outcome]) for outcome in OUTCOMES)
        print(f"| {name} | {numbers} | {wrong[name]} |")


def _spoilt(truth: Region, other: Region) -> Iterator[tuple[str, Region]]:
    height, width = truth.shape
    rows, columns = np.nonzero(truth)
    box = np.zeros_like(truth)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    yield "true", truth
    yield "inverted", ~truth
    yield "of another photo", other
    yield "shifted", np.roll(truth, (int(SHIFT * height), int(SHIFT * width)), (0, 1))
    yield "upside down", truth[::-1]
    yield "box", box


def _fit(mask: Region, shape: tuple[int, ...]) -> Region:
    size = (shape[1], shape[0])
    return cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0


if __name__ == "__main__":
    main()
