"""How coarse a set is to start: nearness to its look by features, and copying.

    python -m benchmarks.set_starts

One flat-lay set of each of the 37 paintings per start, at 384 px. Nearness is the distance of
EfficientNet features (`LookFeatures`), not of the judge's network; copied is the share of 64 px
blocks with a near copy in the look.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import describe
from features.images import decode, resize_longest
from styletransfer.fidelity import FeatureEncoder, LookFeatures
from styletransfer.sets import SetConfig, make_set

PAINTINGS = Path("../shared/data/styles_paintings_a_dev")
STARTS_PX = (16, 20, 28)
SIDE_PX = 384


def main() -> None:
    """Print a row per start."""
    torch.set_num_threads(1)
    looks = [resize_longest(decode(path), SIDE_PX) for path in sorted(PAINTINGS.glob("*.jpg"))]
    encoder = FeatureEncoder()
    print(describe("torch"))
    print("\n| start, px | distance of features | copied, mean | above .05 | processor s a set |")
    print("|---|---|---|---|---|")
    for start in STARTS_PX:
        began = time.process_time()
        sets = [make_set(look, "flat_lay", SIDE_PX, 0, SetConfig(start)) for look in looks]
        seconds = (time.process_time() - began) / len(looks)
        pairs = zip(looks, sets, strict=True)
        distance = np.mean([LookFeatures(look, encoder).distance(s.picture) for look, s in pairs])
        copied = np.array([made.copied for made in sets])
        print(
            f"| {start} | {distance:.3f} | {copied.mean():.3f} | {(copied > 0.05).sum()} "
            f"| {seconds:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
