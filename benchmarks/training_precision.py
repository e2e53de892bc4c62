"""Is a training step faster in bfloat16? Seconds of processor time, by autocast and without.

    python -m benchmarks.training_precision [--repeats 7]

One thread, a batch of 4 random pictures of 224 px: what is computed does not depend on what they
show. Forward and backward of the generator, and of the generator with the style features that its
loss compares. The two precisions take turns; printed are medians, and the fastest and slowest.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.machine import describe
from features.networks.style_network import StyleNetwork
from styletransfer.losses import style_grams
from styletransfer.painters.generator.network import load_pretrained


def main() -> None:
    """Time, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rng = torch.Generator().manual_seed(0)
    pictures, codes = torch.rand(4, 3, 224, 224, generator=rng), torch.randn(4, 100, generator=rng)
    generator, style = load_pretrained().train().requires_grad_(True), StyleNetwork()

    def paint() -> Tensor:
        painted: Tensor = generator(pictures, codes)
        return painted.float().square().mean()

    def paint_and_describe() -> Tensor:
        grams = style_grams(style.features(generator(pictures, codes)))
        return torch.stack([gram.float().square().mean() for gram in grams]).sum()

    print(describe("torch"))
    print("| forward and backward | float32 s | bfloat16 s | float32 over bfloat16 |")
    print("|---|---|---|---|")
    for name, work in (("generator", paint), ("with style features", paint_and_describe)):
        taken: dict[bool, list[float]] = {False: [], True: []}
        for number in range(asked.repeats + 1):
            for lower in taken:
                seconds = _timed(work, lower)
                if number:  # the first warms up
                    taken[lower].append(seconds)
        middle = {lower: statistics.median(each) for lower, each in taken.items()}
        told = [
            f"{middle[lower]:.2f} ({min(taken[lower]):.2f} to {max(taken[lower]):.2f})"
            for lower in (False, True)
        ]
        print(
            f"| {name} | {told[0]} | {told[1]} | {middle[False] / middle[True]:.2f} |", flush=True
        )


def _timed(work: Callable[[], Tensor], lower: bool) -> float:
    begun = time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=lower):
        loss = work()
    loss.backward()  # type: ignore[no-untyped-call]
    return time.process_time() - begun


if __name__ == "__main__":
    main()
