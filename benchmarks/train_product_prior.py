"""Fits features/matting/product_prior.safetensors: `python -m benchmarks.train_product_prior`.

Round 1 learns from the 30 dev masks drawn by hand. Rounds 2 and 3 add photos without masks,
labelled by the round before and sharpened by the mean field; round 3 also adds composites of their
garments on other grounds. No photo by a sender of a test photo is used. About six minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from benchmarks.composites import GROUNDS, composite, read_textures
from benchmarks.hand_masks.runs import HandMask, read_masks
from features.images import decode, resize_longest
from features.matting.border import to_lab
from features.matting.confidence import iou
from features.matting.guided_filter import guided_filter
from features.matting.hypotheses import SegmentConfig, tidy
from features.matting.mean_field import mean_field
from features.matting.prior import PriorHead, stage_maps
from features.networks.efficientnet import EfficientNetLite0, fold_batch_norm, load_pretrained

PHOTOS = Path("../shared/data/products_clothing_cc0")
WEIGHTS = Path("features/matting/product_prior.safetensors")
N_UNLABELLED = 720
N_COMPOSITES = 420
BATCH = 8


class Example(NamedTuple):
    """Stage maps of one picture, its mask at stride 8 (h', w') in 0..1, and its weight."""

    maps: list[Tensor]
    target: NDArray[np.float32]
    weight: float


class Unlabelled(NamedTuple):
    """A photo without a mask, at full and at the segmentation's size, with its stage maps."""

    photo: NDArray[np.uint8]
    small: NDArray[np.uint8]
    maps: list[Tensor]


def train(
    hand: Sequence[HandMask], pool: Sequence[Unlabelled], network: EfficientNetLite0, seed: int
) -> PriorHead:
    """The head learned from masks drawn by hand and a pool of photos without, in three rounds."""
    rng = np.random.default_rng(seed)
    drawn = [example(decode(PHOTOS / each.file), each.mask, network, 4.0) for each in hand]
    scales = [_scale(stage) for stage in zip(*(each.maps for each in pool), strict=True)]
    head = _fit(drawn, scales, 60, rng)
    for with_composites in (False, True):
        examples, cut_outs = _label(pool, head)
        print(f"  labelled {len(examples)} of {len(pool)} photos", flush=True)
        if with_composites:
            textures = read_textures()
            for photo, mask in cut_outs[:N_COMPOSITES]:
                ground = GROUNDS[rng.integers(len(GROUNDS))]
                made, made_mask = composite(photo, mask, ground, textures, rng)
                examples.append(example(made, made_mask, network, 1.0))
        head = _fit([*drawn, *examples], scales, 6, rng)
    return head


def example(
    picture: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    network: EfficientNetLite0,
    weight: float,
) -> Example:
    """A picture (h, w, 3) and its mask (h, w) as the head sees them."""
    maps = stage_maps(network, picture)
    return Example(maps, _at_stride(mask, maps), weight)


def read_pool(network: EfficientNetLite0, excluded: Sequence[str]) -> list[Unlabelled]:
    """A fixed sample of photos by nobody who sent one of the `excluded` files."""
    table = pd.read_csv(PHOTOS / "images.csv").sort_values("file")
    senders = table.loc[table["file"].isin(excluded), "sender_id"]
    drawn_too = [each.file for each in read_masks()]
    table = table[~table["sender_id"].isin(senders) & ~table["file"].isin(drawn_too)]
    files = table["file"].sample(N_UNLABELLED, random_state=5)
    size = SegmentConfig().size_px
    photos = (decode(PHOTOS / file) for file in files)
    return [
        Unlabelled(photo, resize_longest(photo, size), stage_maps(network, photo))
        for photo in photos
    ]


def _label(
    pool: Sequence[Unlabelled], head: PriorHead
) -> tuple[list[Example], list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]]:
    """Pool photos whose mask the head and the mean field agree on; the surest as cut-outs too."""
    config = SegmentConfig()
    examples, cut_outs = [], []
    for photo, small, maps in pool:
        with torch.inference_mode():
            log_odds = head(maps)[0].numpy()
        prior = cv2.resize(log_odds, small.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        field = mean_field(small, to_lab(small), prior, config.mean_field) > 0.5
        if not 0.03 < field.mean() < 0.9:
            continue
        mask = tidy(field)
        agreement = iou(mask, prior > 0)
        if agreement >= 0.7:
            examples.append(Example(maps, _at_stride(mask, maps), 1.0))
        if agreement >= 0.92:
            fine = guided_filter(photo, mask.astype(np.float32), 2, 1e-3) >= 0.5
            cut_outs.append((photo, fine))
    return examples, cut_outs


def _at_stride(mask: NDArray[np.bool_], maps: list[Tensor]) -> NDArray[np.float32]:
    height, width = maps[0].shape[2:]
    target: NDArray[np.float32] = cv2.resize(
        mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA
    )
    return target


def _scale(stage: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (1, c, 1, 1) of one stage's features."""
    values = torch.cat([each[0].flatten(1) for each in stage], dim=1)
    mean, deviation = values.mean(dim=1), values.std(dim=1) + 1e-3
    return mean[None, :, None, None], deviation[None, :, None, None]


def _fit(
    examples: Sequence[Example],
    scales: list[tuple[Tensor, Tensor]],
    epochs: int,
    rng: np.random.Generator,
) -> PriorHead:
    """Cross-entropy, AdamW with a linear decay, features flipped and dropped at random."""
    torch.manual_seed(int(rng.integers(2**31)))
    head = PriorHead()
    optimizer = torch.optim.AdamW(head.parameters(), 2e-3, weight_decay=1e-3)
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, each in enumerate(examples):
        by_shape.setdefault(each.target.shape, []).append(index)
    n_steps = epochs * sum(-(-len(group) // BATCH) for group in by_shape.values())
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / 20) * (1 - step / n_steps)
    )
    for _ in range(epochs):
        batches = []
        for group in by_shape.values():
            order = rng.permutation(group)
            batches += [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        for number in rng.permutation(len(batches)):
            chosen = [examples[index] for index in batches[number]]
            flip = (3,) if rng.random() < 0.5 else ()
            maps = [
                functional.dropout2d((torch.cat(stage).flip(flip) - mean) / deviation, 0.1)
                for stage, (mean, deviation) in zip(
                    zip(*(each.maps for each in chosen), strict=True), scales, strict=True
                )
            ]
            target = torch.from_numpy(np.stack([each.target for each in chosen]))
            target = target.flip((2,)) if flip else target
            weight = torch.tensor([each.weight for each in chosen])
            loss = functional.binary_cross_entropy_with_logits(
                head(maps), target, reduction="none"
            ).mean(dim=(1, 2))
            optimizer.zero_grad()
            torch.autograd.backward((loss * weight).mean())
            optimizer.step()
            schedule.step()
    return _with_scales(head, scales)


def _with_scales(head: PriorHead, scales: list[tuple[Tensor, Tensor]]) -> PriorHead:
    """The same head for features as they are: their scaling goes into its first layer."""
    with torch.no_grad():
        state = head.state_dict()
        for index, (mean, deviation) in enumerate(scales):
            weight = state[f"reduce.{index}.weight"]
            weight /= deviation
            state["place.bias"] -= (weight * mean).sum(dim=(1, 2, 3))
    return head.eval()


def main() -> None:
    """Train on all dev masks and write the weights."""
    masks = read_masks()
    network = fold_batch_norm(load_pretrained())
    pool = read_pool(network, [each.file for each in masks if each.part == "test"])
    head = train([each for each in masks if each.part == "dev"], pool, network, seed=0)
    save_file({name: value.contiguous() for name, value in head.state_dict().items()}, WEIGHTS)
    print(f"{WEIGHTS}: {WEIGHTS.stat().st_size} bytes")


if __name__ == "__main__":
    main()
