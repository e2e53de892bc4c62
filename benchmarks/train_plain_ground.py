"""Fits features/matting/ground_net.safetensors: `python -m benchmarks.train_plain_ground`.

Composites of dev cut-outs on plain grounds (`plain_ground_photos`), garments of the training photos
and renders of anything but the things judged on, in three rounds of new photos. About thirty
minutes on one core.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch.nn import functional

from benchmarks.plain_ground_photos import (
    KINDS,
    CutOut,
    make_photo,
    read_cut_outs,
    read_training_cut_outs,
)
from features.images import resize_longest
from features.matting.border import frame, to_lab
from features.matting.ground_net import SIZE_PX, GroundNet, net_inputs
from features.matting.ground_surface import fit_border

WEIGHTS: Final = Path("features/matting/ground_net.safetensors")
N_PHOTOS: Final = 4800
EPOCHS: Final = 4
BATCH: Final = 12
# Of each round: the kinds of its photos, the hard ones more than once, and the rate of learning.
_HARD: Final = ("white product", "white product", "in the ground's colour", "hard shadow")
ROUNDS: Final = (
    ((*KINDS, *_HARD), 2.5e-3),
    ((*KINDS, *_HARD, "reflection", "graded studio", "white product"), 1.5e-3),
    ((*KINDS, *_HARD, "hard shadow", "hard shadow", "cut by the frame"), 1.2e-3),
)


class Example(NamedTuple):
    """The network's inputs (7, 192, 192) and the product's alpha (192, 192), float16."""

    inputs: NDArray[np.float16]
    alpha: NDArray[np.float16]


def main() -> None:
    """Make the photos, fit the network, write its weights."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    cut_outs = [each for each in read_cut_outs() if each.part == "dev"] + read_training_cut_outs()
    print(f"{len(cut_outs)} cut-outs", flush=True)
    net = GroundNet().to(memory_format=torch.channels_last)
    for number, (kinds, rate) in enumerate(ROUNDS):
        rng = np.random.default_rng(number)
        examples = [_example(cut_outs, kinds, rng) for _ in range(N_PHOTOS)]
        _fit(net, examples, rate, rng)
        state = {name: value.contiguous() for name, value in net.state_dict().items()}
        save_file(state, WEIGHTS)
    print(f"{WEIGHTS}: {WEIGHTS.stat().st_size} bytes")


def _fit(
    net: GroundNet, examples: Sequence[Example], rate: float, rng: np.random.Generator
) -> None:
    """Cross-entropy and soft overlap, AdamW, one cycle of the rate, pictures mirrored at random."""
    start = time.perf_counter()
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=1e-4)
    n_steps = EPOCHS * (len(examples) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, n_steps, pct_start=0.08)
    losses = []
    for epoch in range(EPOCHS):
        order = rng.permutation(len(examples))
        for step in range(len(examples) // BATCH):
            batch = [examples[index] for index in order[step * BATCH : (step + 1) * BATCH]]
            inputs = torch.from_numpy(np.stack([each.inputs for each in batch])).float()
            target = torch.from_numpy(np.stack([each.alpha for each in batch])).float()
            if rng.random() < 0.5:
                inputs, target = inputs.flip(3), target.flip(2)
            log_odds = net(inputs.contiguous(memory_format=torch.channels_last))
            loss = functional.binary_cross_entropy_with_logits(log_odds, target)
            probability = log_odds.sigmoid()
            both = (probability * target).sum((1, 2))
            either = (probability + target - probability * target).sum((1, 2))
            loss = loss + 0.3 * (1 - (both + 20) / (either + 20)).mean()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
        seconds = time.perf_counter() - start
        print(f"  epoch {epoch}: {np.mean(losses[-200:]):.4f}, {seconds:.0f} s", flush=True)


def _example(cut_outs: Sequence[CutOut], kinds: Sequence[str], rng: np.random.Generator) -> Example:
    """A photo of a kind drawn from `kinds`, as the network sees it."""
    while True:
        kind = kinds[rng.integers(len(kinds))]
        cut_out, *others = (cut_outs[index] for index in rng.choice(len(cut_outs), 3))
        photo = make_photo(cut_out, others, kind, rng)
        picture, alpha = photo.picture, photo.alpha
        if rng.random() < 0.15:
            picture, alpha = np.ascontiguousarray(np.rot90(picture)), np.rot90(alpha)
        small = resize_longest(picture, SIZE_PX)
        lab = to_lab(small)
        surface, share = fit_border(lab, frame(lab.shape[:2], 0.025))
        if share < 0.5:
            continue
        inputs = net_inputs(lab, surface.colours(lab.shape[:2]))
        target = cv2.resize(
            np.ascontiguousarray(alpha), small.shape[1::-1], interpolation=cv2.INTER_AREA
        )
        grow = [(0, SIZE_PX - side) for side in target.shape]
        return Example(
            np.pad(inputs, [(0, 0), *grow], mode="edge").astype(np.float16),
            np.pad(target, grow, mode="edge").astype(np.float16),
        )


if __name__ == "__main__":
    main()
