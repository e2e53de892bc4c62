"""Masks against the truth, by kind of photo: `python -m benchmarks.masks`.

Kinds: photos on plain grounds with exact truth (`plain_ground_photos`, cut-outs never trained on),
phone photos with hand-drawn masks, the same degraded until masks go wrong, their garments laid on
textures and camouflage, and the drawn samples. IoU, how confidence flags the bad ones, and CPU
time, beside masks on plain grounds as they are before stray ground leaves them, and GrabCut from a
rectangle, the usual recipe, in the same run. Parameters were chosen on dev photos only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from benchmarks.composites import composite, degrade, read_textures
from benchmarks.hand_masks.runs import read_masks
from benchmarks.machine import describe
from benchmarks.plain_ground_photos import KINDS, make_photos, read_cut_outs
from features.images import decode
from features.matting import LOW_CONFIDENCE, plain_ground, product_mask
from features.matting.confidence import iou
from features.matting.solid import make_solid

PHOTOS = Path("../shared/data/products_clothing_cc0")
SAMPLES = Path("data/samples")
BAD: Final = 0.75
PER_KIND: Final = 20
HARD: Final = ("degraded", "laid on texture", "laid on camouflage")

Picture = NDArray[np.uint8]
Region = NDArray[np.bool_]


class Case(NamedTuple):
    """One picture, its true mask, the set it is in and its name."""

    part: str
    name: str
    picture: Picture
    mask: Region


class Outcome(NamedTuple):
    """One method on one picture; confidence is NaN for a method that has none."""

    part: str
    name: str
    iou: float
    confidence: float
    seconds: float


def main() -> None:
    """Print the table and the worst masks."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    methods: dict[str, Callable[[Picture], tuple[Region, float]]] = {
        "product_mask": _ours,
        "product_mask, stray ground kept": _with_stray_ground,
        "GrabCut from a rectangle (OpenCV)": _rectangle,
    }
    cases = [*_cases(), *_plain_cases(), *_hard_cases()]
    for method in methods.values():
        method(cases[0].picture)  # weights are loaded once
    print(describe("opencv-python-headless", "torch"))
    print(
        "\n| pictures | method | mean IoU | sd | worst | IoU < 0.75 | of these flagged "
        "| others flagged | CPU ms, median |\n|---|---|---|---|---|---|---|---|---|"
    )
    found = {name: [_run(method, case) for case in cases] for name, method in methods.items()}
    parts = {
        "hand-drawn, dev": ("dev",),
        "hand-drawn, test": ("test",),
        "hand-drawn, all": ("dev", "test"),
        "data/samples": ("samples",),
        "plain grounds, all": KINDS,
        **{f"plain grounds: {kind}": (kind,) for kind in KINDS},
        **{kind: (kind,) for kind in HARD},
    }
    for title, members in parts.items():
        for name, outcomes in found.items():
            chosen = [each for each in outcomes if each.part in members]
            if chosen:
                print(_row(title, name, chosen))
    print(f"\nflagged: confidence < {LOW_CONFIDENCE}. The eight worst of product_mask:\n")
    for each in sorted(found["product_mask"], key=lambda outcome: outcome.iou)[:8]:
        print(f"- {each.part} {each.name}: IoU {each.iou:.3f}, confidence {each.confidence:.2f}")


def _cases() -> Iterator[Case]:
    for hand in read_masks():
        yield Case(hand.part, hand.file, decode(PHOTOS / hand.file), hand.mask)
    items = SAMPLES / "items.csv"
    if items.is_file():
        for row in pd.read_csv(items).itertuples():
            mask = decode(SAMPLES / str(row.mask_path))[..., 0] >= 128
            yield Case("samples", str(row.item_id), decode(SAMPLES / str(row.image_path)), mask)


def _plain_cases() -> Iterator[Case]:
    cut_outs = [each for each in read_cut_outs() if each.part == "test"]
    for photo in make_photos(cut_outs, PER_KIND, seed=21):
        yield Case(photo.kind, photo.name, photo.picture, photo.alpha >= 0.5)


def _hard_cases() -> Iterator[Case]:
    """Test photos degraded, and their garments on textures and camouflage."""
    rng = np.random.default_rng(22)
    textures = read_textures()
    for hand in read_masks():
        if hand.part == "test":
            photo = decode(PHOTOS / hand.file)
            for _ in range(2):
                yield Case("degraded", hand.file, *degrade(photo, hand.mask, rng))
            for ground in ("texture", "camouflage"):
                made = composite(photo, hand.mask, ground, textures, rng)
                yield Case(f"laid on {ground}", hand.file, *made)


def _run(method: Callable[[Picture], tuple[Region, float]], case: Case) -> Outcome:
    start = time.process_time()
    mask, confidence = method(case.picture)
    seconds = time.process_time() - start
    return Outcome(case.part, case.name, iou(mask, case.mask), confidence, seconds)


def _ours(picture: Picture) -> tuple[Region, float]:
    mask = product_mask(picture)
    return mask.alpha >= 0.5, mask.confidence


def _with_stray_ground(picture: Picture) -> tuple[Region, float]:
    mask = product_mask(picture)
    plain = plain_ground(picture) if mask.source == "plain_ground" else None
    alpha = mask.alpha if plain is None else make_solid(plain.alpha)
    return alpha >= 0.5, mask.confidence


def _rectangle(picture: Picture) -> tuple[Region, float]:
    height, width = picture.shape[:2]
    inset = (width // 20, height // 20, width - width // 10, height - height // 10)
    labels = np.zeros((height, width), dtype=np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(picture, labels, inset, *models, 5, cv2.GC_INIT_WITH_RECT)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), float("nan")


def _row(title: str, name: str, outcomes: list[Outcome]) -> str:
    overlap = np.array([each.iou for each in outcomes])
    flagged = np.array([each.confidence for each in outcomes]) < LOW_CONFIDENCE
    bad = overlap < BAD
    has_confidence = not np.isnan(outcomes[0].confidence)
    caught = f"{(flagged & bad).sum()} of {bad.sum()}" if has_confidence else "-"
    lost = f"{(flagged & ~bad).sum()} of {(~bad).sum()}" if has_confidence else "-"
    milliseconds = 1000 * np.median([each.seconds for each in outcomes])
    return (
        f"| {title} ({len(outcomes)}) | {name} | {overlap.mean():.3f} | {overlap.std():.3f} "
        f"| {overlap.min():.3f} | {bad.sum()} | {caught} | {lost} | {milliseconds:.0f} |"
    )


if __name__ == "__main__":
    main()
