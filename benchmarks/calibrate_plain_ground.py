"""Fits the confidence of plain grounds: `python -m benchmarks.calibrate_plain_ground`.

Photos on plain grounds of dev cut-outs, phone photos with hand-drawn masks (dev), and garments laid
on plain and on textured grounds. A logistic regression on the evidence predicts IoU >= 0.8; it is
judged per kind on photos of test cut-outs and test masks. About two minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks.composites import composite, read_textures
from benchmarks.hand_masks.runs import read_masks
from benchmarks.machine import describe
from benchmarks.plain_ground_photos import make_photos, read_cut_outs
from features.images import decode
from features.matting import LOW_CONFIDENCE, plain_ground
from features.matting.confidence import iou
from features.matting.plain_ground import PlainEvidence

PHOTOS: Final = Path("../shared/data/products_clothing_cc0")
RIGHT: Final = 0.8
BAD: Final = 0.75
PER_KIND: Final = 40
GROUNDS: Final = ("white", "plain", "similar", "texture")


class Case(NamedTuple):
    """Evidence for one photo's mask, its overlap with the truth, and its kind."""

    kind: str
    evidence: PlainEvidence
    overlap: float


def main() -> None:
    """Print the weights and, per kind, how many masks are trusted, right and wrong ones."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(describe("scikit-learn", "torch"))
    dev, test = (list(_cases(part, seed)) for part, seed in (("dev", 11), ("test", 12)))
    model = LogisticRegression(C=10, max_iter=1000).fit(
        [case.evidence for case in dev], [case.overlap >= RIGHT for case in dev]
    )
    weights = PlainEvidence(*np.round(model.coef_[0], 2).tolist())
    print(f"\nintercept {model.intercept_[0]:.2f}, weights {weights}\n")
    print(f"| photos | masks | mean IoU | IoU < {BAD} | trusted | >= {RIGHT} | trusted |")
    print("|---|---|---|---|---|---|---|")
    for kind in dict.fromkeys(case.kind for case in test):
        chosen = [case for case in test if case.kind == kind]
        overlap = np.array([case.overlap for case in chosen])
        trusted = model.predict_proba([case.evidence for case in chosen])[:, 1] >= LOW_CONFIDENCE
        bad, right = overlap < BAD, overlap >= RIGHT
        print(
            f"| {kind} | {len(chosen)} | {overlap.mean():.3f} | {bad.sum()} "
            f"| {(bad & trusted).sum()} | {right.sum()} | {(right & trusted).sum()} |"
        )


def _cases(part: str, seed: int) -> Iterator[Case]:
    for kind, picture, mask in _pictures(part, seed):
        found = plain_ground(picture)
        if found is not None:
            yield Case(kind, found.evidence, iou(found.alpha >= 0.5, mask))


def _pictures(part: str, seed: int) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.bool_]]]:
    cut_outs = [each for each in read_cut_outs() if each.part == part]
    for photo in make_photos(cut_outs, PER_KIND, seed):
        yield photo.kind, photo.picture, photo.alpha >= 0.5
    rng = np.random.default_rng(seed)
    textures = read_textures()
    for hand in read_masks():
        if hand.part == part:
            photo = decode(PHOTOS / hand.file)
            yield "phone", photo, hand.mask
            for ground in GROUNDS:
                yield f"laid on {ground}", *composite(photo, hand.mask, ground, textures, rng)


if __name__ == "__main__":
    main()
