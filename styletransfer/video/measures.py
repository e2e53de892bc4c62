"""How steady a clip is: what changes from frame to frame that its motion does not explain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from styletransfer.video.motion import find_motion, follow

Picture = NDArray[np.uint8]
Plane = NDArray[np.float32]
Where = NDArray[np.bool_]


def warping_error(before: Picture, now: Picture, back: Plane, known: Where) -> float:
    """Mean squared difference between a frame and the one before moved onto it, at least 0.

    Lai et al. 2018, "Learning blind video temporal consistency", equation 10, of one pair. Frames
    uint8 (h, w, 3), taken as 0..1 and summed over channels; `back` float32 (h, w, 2) leads to where
    pixels were, `known` (h, w) are those that are compared; NaN where there are none.
    """
    if not known.any():
        return float("nan")
    moved = follow(before, back)
    difference = (moved - now.astype(np.float32)) / np.float32(255)
    return float((difference**2).sum(axis=2)[known].mean())


def tof(
    before: Picture, now: Picture, source_before: Picture, source_now: Picture, where: Where
) -> float:
    """How differently a clip and its source move: mean L1 of the two flows, px, over `where`.

    Chu et al. 2020, "Learning temporal coherence via self-supervision for GAN-based video
    generation", tOF, of one pair; flows by `styletransfer.video.motion.find_motion`.
    """
    flows = [find_motion(*pair).back for pair in ((before, now), (source_before, source_now))]
    apart = np.abs(flows[0] - flows[1]).sum(axis=2)
    return float(apart[where].mean()) if where.any() else float("nan")
