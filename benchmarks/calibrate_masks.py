"""Fits the weights in features/matting/confidence.py: `python -m benchmarks.calibrate_masks`.

The product prior is trained twice, each time without half of the dev photos; those are then
segmented as they are, on other grounds, and degraded until masks go wrong. A logistic regression
on the evidence predicts IoU >= 0.75; figures are cross-validated over photos. About ten minutes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.composites import GROUNDS, composite, degrade, read_textures
from benchmarks.hand_masks.runs import HandMask, read_masks
from benchmarks.machine import describe
from benchmarks.train_product_prior import PHOTOS, read_pool, train
from features.images import decode, resize_longest
from features.matting.confidence import Evidence, gather, iou
from features.matting.guided_filter import guided_filter
from features.matting.hypotheses import SegmentConfig, hypotheses
from features.matting.mask import DEFAULT_MATTING
from features.matting.people import foreground_alpha
from features.matting.prior import stage_maps
from features.networks.efficientnet import fold_batch_norm, load_pretrained

RIGHT = 0.75
N_DEGRADED = 4


def main() -> None:
    """Print the weights, their cross-validated figures and a threshold."""
    masks = read_masks()
    dev = [each for each in masks if each.part == "dev"]
    network = fold_batch_norm(load_pretrained())
    pool = read_pool(network, [each.file for each in masks if each.part == "test"])
    rng = np.random.default_rng(1)
    evidence, overlaps, photos, degraded = [], [], [], []
    for fold in range(2):
        head = train(dev[1 - fold :: 2], pool, network, seed=fold)
        for hand in dev[fold::2]:
            for picture, mask, is_degraded in _pictures(hand, rng):
                with torch.inference_mode():
                    log_odds = head(stage_maps(network, picture))[0].numpy()
                small = resize_longest(picture, SegmentConfig().size_px)
                guesses = hypotheses(small, log_odds, SegmentConfig())
                if not guesses:
                    continue
                evidence.append(gather(guesses, foreground_alpha(small)))
                overlaps.append(iou(_fine(picture, guesses[0].mask), mask))
                photos.append(hand.file)
                degraded.append(is_degraded)
    print(describe("scikit-learn", "torch"))
    _report(np.array(evidence), np.array(overlaps), np.array(photos), np.array(degraded))


def _pictures(
    hand: HandMask, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.bool_], bool]]:
    """The photo, its composites, and degraded versions of both."""
    photo, textures = decode(PHOTOS / hand.file), read_textures()
    yield photo, hand.mask, False
    for ground in GROUNDS:
        made, mask = composite(photo, hand.mask, ground, textures, rng)
        yield made, mask, False
        yield *degrade(made, mask, rng), True
    for _ in range(N_DEGRADED):
        yield *degrade(photo, hand.mask, rng), True


def _fine(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    config = DEFAULT_MATTING
    alpha = guided_filter(
        picture, mask.astype(np.float32), config.edge_radius_px, config.edge_epsilon
    )
    return alpha >= 0.5


def _report(
    evidence: NDArray[np.float64],
    overlaps: NDArray[np.float64],
    photos: NDArray[np.str_],
    degraded: NDArray[np.bool_],
) -> None:
    right = overlaps >= RIGHT
    predicted = np.zeros(len(right))
    names = np.unique(photos)
    for fold in range(5):
        held_out = np.isin(photos, names[fold::5])
        model = LogisticRegression(C=10).fit(evidence[~held_out], right[~held_out])
        predicted[held_out] = model.predict_proba(evidence[held_out])[:, 1]
    print(f"\n{len(right)} masks, {(~right).sum()} with IoU < {RIGHT}")
    for name, values in zip(Evidence._fields, evidence.T, strict=True):
        print(f"- {name}: AUC {roc_auc_score(right, values):.3f}")
    print(f"- all, cross-validated: AUC {roc_auc_score(right, predicted):.3f}\n")
    print("| threshold | bad flagged | good flagged, as they are | good flagged, degraded |")
    print("|---|---|---|---|")
    for threshold in (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9):
        flagged = predicted < threshold
        shares = [
            f"{(flagged & group).sum()} of {group.sum()}"
            for group in (~right, right & ~degraded, right & degraded)
        ]
        print(f"| {threshold} | {' | '.join(shares)} |")
    model = LogisticRegression(C=10).fit(evidence, right)
    weights = Evidence(*np.round(model.coef_[0], 2).tolist())
    print(f"\nintercept {model.intercept_[0]:.2f}, weights {weights}")


if __name__ == "__main__":
    main()
